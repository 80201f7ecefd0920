#!/bin/sh
# layers_test.sh CHECK_LAYERS: the layer check accepts a good tree and reports each kind of offence in a bad one.
set -eu
check=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/include/ergon/core" "$folder/include/ergon/density" "$folder/src/core" "$folder/src/density" "$folder/src/sampler"

failed=0
# expect WORDS: the check fails and its report has the words.
expect() {
  if report=$(sh "$check" "$folder" 2>&1); then
    echo "accepted although it should report: $1"
    failed=1
  elif ! printf '%s\n' "$report" | grep -qF "$1"; then
    printf 'no "%s" in:\n%s\n' "$1" "$report"
    failed=1
  fi
}
# offend FILE LINES WORDS: with these lines in the file the check reports the words; then the file goes.
offend() {
  printf '%b\n' "$2" >"$folder/$1"
  expect "$3"
  rm "$folder/$1"
}

echo '#include <vector>' >"$folder/include/ergon/core/a.hpp"
cat >"$folder/src/density/good.cpp" <<'END'
#include <ATen/ATen.h>
#include "ergon/core/a.hpp"
#include "ergon/density/b.hpp"
// at::randn_like in a comment is no offence
at::Tensor x = draw::normal_like(y, generator);
at::Tensor z = at::randperm(5,
                            generator);
END
if ! sh "$check" "$folder" >/dev/null; then
  echo "a good tree was refused"
  failed=1
fi

offend src/core/up.cpp '#include "ergon/density/b.hpp"' 'src/core/up.cpp:1: module core (level 0) must not include'
offend src/density/beside.cpp '\n#include "ergon/stein/c.hpp"' 'src/density/beside.cpp:2: module density (level 1) must not include'
offend src/sampler/beside.cpp '#include "ergon/estimate/e.hpp"' 'module sampler (level 2) must not include'
offend src/sampler/unknown.cpp '#include "ergon/magic/m.hpp"' 'has no level'
offend src/sampler/all.cpp '#include "ergon/ergon.hpp"' 'for users alone'
offend src/sampler/torch.cpp '#include <torch/torch.h>' 'libtorch umbrella'
offend include/ergon/density/heavy.hpp '#include <ATen/ATen.h>' 'a public header includes a heavy one'
offend src/sampler/like.cpp 'auto x = at::randn_like(y);' 'src/sampler/like.cpp:1: draws without a generator'
offend src/sampler/method.cpp 'int a;\nx.normal_(\n  0, 1);' 'src/sampler/method.cpp:2: draws without a generator'
offend src/sampler/free.cpp 'auto x = at::randn({2, 3}, options);' 'draws without a generator'
offend src/sampler/seed.cpp 'torch::manual_seed(3);' 'draws without a generator'
offend src/sampler/device.cpp 'std::random_device device;' 'draws without a generator'
offend src/sampler/init.cpp 'torch::nn::init::xavier_uniform_(w);' 'draws without a generator'
[ "$failed" = 0 ] && echo "layer check: every offence is reported"
exit "$failed"

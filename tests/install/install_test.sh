#!/bin/sh
# install_test.sh BUILD SOURCE COMPILER: installs a build into an empty folder; builds a project that finds it there and runs it;
# runs the installed program; then moves the installation and does the last again, since an installation must not know its place.
set -eu
build=$1
source=$2
compiler=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# step NAME COMMAND...: silent unless it fails.
step() {
  name=$1
  shift
  if ! "$@" >"$folder/log" 2>&1; then
    echo "failed: $name"
    cat "$folder/log"
    exit 1
  fi
}

step 'install' cmake --install "$build" --prefix "$folder/first"
mv "$folder/first" "$folder/moved"
prefix=$folder/moved

step 'configure a project with find_package(ergon)' cmake -G Ninja -S "$source/examples/own_density" -B "$folder/own" \
  -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror"
step 'build it' cmake --build "$folder/own"
step 'run it' "$folder/own/own_density"
cat "$folder/log"
grep -q '^log Z' "$folder/log"
grep -q '^entropy' "$folder/log"

step 'the installed program: --version' "$prefix/bin/ergon" --version
cd "$folder"
step 'the installed program finds its engine' "$prefix/bin/ergon" sample gaussian --particles 4 --sets 1 --steps 1 --out out

# No installed text file may name the folder of the build or of the source.
if grep -rlI -e "$build" -e "$source" "$prefix/include" "$prefix/lib/cmake" 2>/dev/null; then
  echo "these installed files name the folder they were built in"
  exit 1
fi
echo "install: works from any prefix"

#include "ergon/sampler/make_sampler.hpp"

#include <utility>

#include "ergon/core/errors.hpp"
#include "ergon/sampler/annealing.hpp"
#include "ergon/sampler/chain_samplers.hpp"
#include "ergon/sampler/laplace.hpp"
#include "ergon/sampler/parallel_tempering.hpp"
#include "ergon/sampler/stein_mh.hpp"
#include "ergon/sampler/stein_samplers.hpp"
#include "ergon/sampler/transport.hpp"

namespace ergon {

std::unique_ptr<Sampler> make_sampler(const SamplerOptions& options,
                                      const NamedTensors& parameters,
                                      std::shared_ptr<const Bijection> map) {
  require(map == nullptr || options.kind == SamplerKind::kFlow,
          "--sampler {} moves its particles by a rule of its own, and takes no map",
          to_name(options.kind));
  switch (options.kind) {
    case SamplerKind::kSvgd:
      return std::make_unique<Svgd>(options);
    case SamplerKind::kPSvgd:
    case SamplerKind::kMetSvgd:
    case SamplerKind::kSteinFlow:
      return std::make_unique<MetSvgd>(options, parameters);
    case SamplerKind::kSteinMh:
      return std::make_unique<SteinMh>(options);
    case SamplerKind::kLaplace:
      return std::make_unique<Laplace>(options);
    case SamplerKind::kFlow:
      return std::make_unique<Transport>(options, std::move(map));
    case SamplerKind::kUla:
      return std::make_unique<Ula>(options);
    case SamplerKind::kMala:
      return std::make_unique<Mala>(options);
    case SamplerKind::kHmc:
      return std::make_unique<Hmc>(options);
    case SamplerKind::kNuts:
      return std::make_unique<Nuts>(options);
    case SamplerKind::kParallelTempering:
      return std::make_unique<ParallelTempering>(options, parameters);
    case SamplerKind::kAis:
    case SamplerKind::kSmc:
      return std::make_unique<Annealing>(options, parameters);
  }
  ERGON_CHECK(false, "sampler kind {}", static_cast<int>(options.kind));
}

}  // namespace ergon

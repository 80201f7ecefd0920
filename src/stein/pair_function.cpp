#include "pair_function.hpp"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <utility>
#include <vector>

#include "graph_gradients.hpp"
#include "pair_sums.hpp"

namespace ergon::stein {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One set's live points, contiguous; `rows` are their places where some are dropped.
template <class Real>
struct LiveSupport {
  std::vector<std::int64_t> rows;
  Tensor points;
  Tensor score;
  PairSupport<Real> sums;
};

template <class Real>
LiveSupport<Real> live_support(const PairInputs& in, std::int64_t set) {
  LiveSupport<Real> s;
  s.points = in.points[set];
  s.score = in.score[set];
  if (in.alive.defined()) {
    const bool* alive = in.alive.data_ptr<bool>() + set * in.alive.size(1);
    for (std::int64_t j = 0; j < in.alive.size(1); ++j) {
      if (alive[j]) s.rows.push_back(j);
    }
    const Tensor index = at::tensor(s.rows, at::kLong);
    s.points = s.points.index_select(0, index);
    s.score = s.score.index_select(0, index);
  }
  s.sums = {s.points.template data_ptr<Real>(), s.score.template data_ptr<Real>(), s.points.size(0),
            s.points.size(1), in.beta.data_ptr<Real>()[set]};
  return s;
}

template <class Real>
Real* data_of(const Tensor& tensor, std::int64_t set) {
  return tensor.defined() ? tensor.data_ptr<Real>() + set * (tensor.numel() / tensor.size(0))
                          : nullptr;
}

struct Computed {
  Tensor field;     // (S, n, D)
  Tensor jacobian;  // (S, n, D, D)
  Tensor log_det;   // (S, n)
  Tensor inverse;   // (S, n k k)
};

template <class Real>
void compute_sets(const PairInputs& in, const Computed& out, bool low_rank) {
  const PairSums<Real>& sums = pair_sums<Real>();
  const std::int64_t rows = in.x.size(1);
  for (std::int64_t set = 0; set < in.x.size(0); ++set) {
    const LiveSupport<Real> live = live_support<Real>(in, set);
    const PairForward<Real> io{data_of<Real>(in.x, set),         rows,
                               in.step.data_ptr<Real>()[set],    data_of<Real>(out.field, set),
                               data_of<Real>(out.jacobian, set), data_of<Real>(out.log_det, set),
                               data_of<Real>(out.inverse, set)};
    (low_rank ? sums.forward_low_rank : sums.forward)(live.sums, io, 0, rows);
  }
}

Computed compute(const PairInputs& in, PairQuantity quantity, bool keep_inverse) {
  const std::int64_t sets = in.x.size(0), rows = in.x.size(1), dim = in.x.size(2);
  const auto options = in.x.options().requires_grad(false);
  const bool low_rank = quantity == PairQuantity::kLogDetLowRank;
  const bool log_det = low_rank || quantity == PairQuantity::kLogDet;
  Computed out;
  out.field = at::empty({sets, rows, dim}, options);
  if (quantity == PairQuantity::kJacobian)
    out.jacobian = at::empty({sets, rows, dim, dim}, options);
  if (log_det) out.log_det = at::empty({sets, rows}, options);
  const std::int64_t size = low_rank ? in.points.size(1) : dim;
  if (log_det && keep_inverse) out.inverse = at::empty({sets, rows * size * size}, options);
  if (out.field.numel() == 0) return out;
  if (in.x.scalar_type() == at::kDouble) {
    compute_sets<double>(in, out, low_rank);
  } else {
    compute_sets<float>(in, out, low_rank);
  }
  return out;
}

// Gradients of the inputs in their order: x, points, score, beta, step.
struct Gradients {
  Tensor x;
  Tensor points;
  Tensor score;
  Tensor beta;
  Tensor step;
};

// Gradients with respect to live points, put where they belong.
template <class Real>
void place(const Tensor& all,
           const Tensor& live,
           const LiveSupport<Real>& set,
           std::int64_t index) {
  if (set.rows.empty()) {
    all[index].copy_(live);
  } else {
    all[index].index_copy_(0, at::tensor(set.rows, at::kLong), live);
  }
}

struct Upstream {
  Tensor field;   // (S, n, D) or undefined
  Tensor matrix;  // the Jacobian's gradient, or the saved inverse; or undefined
  Tensor scale;   // the log-determinant's gradient, or undefined
  PairQuantity quantity;
};

template <class Real>
void backward_sets(const PairInputs& in, const Upstream& up, const Gradients& out) {
  const PairSums<Real>& sums = pair_sums<Real>();
  const bool low_rank = up.matrix.defined() && up.quantity == PairQuantity::kLogDetLowRank;
  for (std::int64_t set = 0; set < in.x.size(0); ++set) {
    const LiveSupport<Real> live = live_support<Real>(in, set);
    const Tensor points = at::empty_like(live.points), score = at::empty_like(live.score);
    PairBackward<Real> io{data_of<Real>(in.x, set),
                          in.x.size(1),
                          in.step.data_ptr<Real>()[set],
                          data_of<Real>(up.field, set),
                          data_of<Real>(up.matrix, set),
                          data_of<Real>(up.scale, set),
                          up.quantity != PairQuantity::kJacobian,
                          data_of<Real>(out.x, set),
                          points.data_ptr<Real>(),
                          score.data_ptr<Real>(),
                          0,
                          0};
    (low_rank ? sums.backward_low_rank : sums.backward)(live.sums, io);
    place(out.points, points, live, set);
    place(out.score, score, live, set);
    out.beta.data_ptr<Real>()[set] = io.beta_grad;
    out.step.data_ptr<Real>()[set] = io.step_grad;
  }
}

// The sums from tensor operations, with arrays (S, n, M, D): for other devices and derivatives
// beyond the first.
PairResult composed(const PairInputs& given, PairQuantity quantity) {
  PairInputs in = given;
  if (in.alive.defined()) {  // whatever dropped points hold, it does not count
    const Tensor alive = in.alive.unsqueeze(-1);
    in.points = at::where(alive, in.points, at::zeros_like(in.points));
    in.score = at::where(alive, in.score, at::zeros_like(in.score));
  }
  const Tensor beta = in.beta.unsqueeze(-1).unsqueeze(-1);
  const Tensor d = in.x.unsqueeze(-2) - in.points.unsqueeze(-3);
  Tensor kernel = (d.pow(2).sum(-1) * (-0.5 * beta)).exp();
  Tensor count = at::full_like(beta.detach(), static_cast<double>(in.points.size(1)));
  if (in.alive.defined()) {
    kernel = kernel * in.alive.unsqueeze(-2);
    count = in.alive.sum(-1).view_as(beta).to(beta.scalar_type());
  }
  const Tensor weighted = kernel.unsqueeze(-1) * (in.score.unsqueeze(-3) + beta.unsqueeze(-1) * d);
  const Tensor field = weighted.sum(-2) / count;
  if (quantity == PairQuantity::kField) return {field, {}};
  const Tensor identity = at::eye(in.x.size(-1), in.x.options());
  const Tensor sum = kernel.sum(-1).unsqueeze(-1).unsqueeze(-1) * identity -
                     at::matmul(weighted.transpose(-1, -2), d);
  const Tensor jacobian = sum * (beta / count).unsqueeze(-1);
  if (quantity == PairQuantity::kJacobian) return {field, jacobian};
  const Tensor step = in.step.view({-1, 1, 1, 1});
  return {field, std::get<1>(at::linalg_slogdet(identity + step * jacobian))};
}

class PairFunction : public torch::autograd::Function<PairFunction> {
 public:
  static variable_list forward(AutogradContext* context,
                               const Tensor& x,
                               const Tensor& points,
                               const Tensor& score,
                               const Tensor& beta,
                               const Tensor& step,
                               const std::vector<Tensor>& alive,  // one, which may be undefined
                               std::int64_t quantity) {
    const at::NoGradGuard no_grad;
    const PairInputs in{x, points, score, beta, step, alive[0]};
    const Computed out = compute(in, static_cast<PairQuantity>(quantity), true);
    context->save_for_backward({x, points, score, beta, step, alive[0], out.inverse});
    context->saved_data["quantity"] = quantity;
    context->set_materialize_grads(false);
    if (out.jacobian.defined()) return {out.field, out.jacobian};
    if (out.log_det.defined()) return {out.field, out.log_det};
    return {out.field};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const PairInputs in{saved[0], saved[1], saved[2], saved[3], saved[4], saved[5]};
    const auto quantity = static_cast<PairQuantity>(context->saved_data["quantity"].toInt());
    if (at::GradMode::is_enabled()) {
      const PairResult again = composed(in, quantity);
      variable_list outputs = {again.field, again.second};
      outputs.resize(gradients.size());
      variable_list found =
          graph_gradients(outputs, gradients, {in.x, in.points, in.score, in.beta, in.step});
      found.resize(7);  // alive and quantity have none
      return found;
    }
    const at::NoGradGuard no_grad;
    Upstream up;
    up.quantity = quantity;
    if (gradients[0].defined()) up.field = gradients[0].contiguous();
    if (gradients.size() > 1 && gradients[1].defined()) {
      const bool jacobian = up.quantity == PairQuantity::kJacobian;
      up.matrix = jacobian ? gradients[1].contiguous() : saved[6];
      if (!jacobian) up.scale = gradients[1].contiguous();
    }
    const Gradients out{at::empty_like(in.x), at::zeros_like(in.points), at::zeros_like(in.score),
                        at::empty_like(in.beta), at::empty_like(in.beta)};
    if (in.x.scalar_type() == at::kDouble) {
      backward_sets<double>(in, up, out);
    } else {
      backward_sets<float>(in, up, out);
    }
    return {out.x,    out.points, out.score, out.beta, in.step.defined() ? out.step : Tensor(),
            Tensor(), Tensor()};
  }
};

bool needs_graph(const PairInputs& in) {
  if (!at::GradMode::is_enabled()) return false;
  return in.x.requires_grad() || in.points.requires_grad() || in.score.requires_grad() ||
         in.beta.requires_grad() || in.step.requires_grad();
}

}  // namespace

PairResult pair_result(const PairInputs& in, PairQuantity quantity) {
  if (!in.x.is_cpu()) return composed(in, quantity);
  if (needs_graph(in)) {
    const auto out =
        PairFunction::apply(in.x, in.points, in.score, in.beta, in.step,
                            std::vector<Tensor>{in.alive}, static_cast<std::int64_t>(quantity));
    return {out[0], out.size() > 1 ? out[1] : Tensor()};
  }
  const Computed out = compute(in, quantity, false);
  return {out.field, out.jacobian.defined() ? out.jacobian : out.log_det};
}

PairInverse pair_inverse(const PairInputs& in) {
  const at::NoGradGuard no_grad;
  const std::int64_t dim = in.x.size(2);
  if (!in.x.is_cpu()) {
    const PairResult at_x = composed(in, PairQuantity::kJacobian);
    const Tensor matrix = at::eye(dim, in.x.options()) + in.step.view({-1, 1, 1, 1}) * at_x.second;
    return {at_x.field, std::get<1>(at::linalg_slogdet(matrix)), at::linalg_inv(matrix)};
  }
  const Computed out = compute(in, PairQuantity::kLogDet, true);
  return {out.field, out.log_det, out.inverse.view({in.x.size(0), in.x.size(1), dim, dim})};
}

}  // namespace ergon::stein

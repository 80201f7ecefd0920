// Part of lanes/all.hpp: the functions of one instruction set.
namespace ergon::passes::ERGON_LANES_NAMESPACE {
namespace {

template <class Real>
const Functions<Real>* table() {
  static const Functions<Real> functions = {
      packed_numbers<Real>,     pack<Real>,         multiply<Real>,  multiply_narrow<Real>,
      sum_rows<Real>,           tanh_sweep<Real>,   elu_sweep<Real>, adam_sweep<Real>,
      move_towards_sweep<Real>, single_layer<Real>, squash<Real>};
  return &functions;
}

}  // namespace
}  // namespace ergon::passes::ERGON_LANES_NAMESPACE

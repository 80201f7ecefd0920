#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ergon/rl/agent.hpp"

namespace ergon::internal {

/// Sums of the updates' numbers by name, in the order in which the names first came.
class UpdateWindow {
 public:
  struct Sum {
    std::string name;
    double total = 0.0;
    std::int64_t count = 0;
  };

  void add(const UpdateInfo& info) {
    for (std::size_t i = 0; i < info.size(); ++i) {
      Sum& sum = find(info[i].first, i);
      sum.total += info[i].second;
      ++sum.count;
    }
  }
  UpdateInfo means() const {
    UpdateInfo result;
    for (const Sum& sum : sums_)
      result.emplace_back(sum.name, sum.total / static_cast<double>(sum.count));
    return result;
  }
  bool empty() const { return sums_.empty(); }
  void clear() { sums_.clear(); }
  const std::vector<Sum>& sums() const { return sums_; }
  void set_sums(std::vector<Sum> sums) { sums_ = std::move(sums); }

 private:
  /// `likely`: where the name stands when all updates give the same names.
  Sum& find(const std::string& name, std::size_t likely) {
    if (likely < sums_.size() && sums_[likely].name == name) return sums_[likely];
    for (Sum& sum : sums_) {
      if (sum.name == name) return sum;
    }
    return sums_.emplace_back(Sum{name, 0.0, 0});
  }

  std::vector<Sum> sums_;
};

}  // namespace ergon::internal

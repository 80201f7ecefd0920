#pragma once

namespace ergon {

/// Turns the first Ctrl-C (SIGINT) or SIGTERM into a flag that loops look at between steps; a
/// second one ends the process at once. Restores the previous handlers when destroyed. One at a
/// time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// True once an interrupt was asked for while an InterruptGuard is alive; stays so after it, until
/// the next guard is made.
bool interrupt_requested();

}  // namespace ergon

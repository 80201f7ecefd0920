#include "ergon/core/interrupt.hpp"

#include <signal.h>

#include "ergon/core/errors.hpp"

namespace ergon {
namespace {

// Only what a signal handler may touch.
volatile sig_atomic_t requested = 0;
bool guarded = false;
struct sigaction previous_interrupt;
struct sigaction previous_terminate;

extern "C" void ergon_handle_interrupt(int signal_number) {
  if (requested != 0) {
    // The second one: the default action ends the process as soon as this handler returns.
    ::signal(signal_number, SIG_DFL);
    ::raise(signal_number);
    return;
  }
  requested = 1;
}

}  // namespace

InterruptGuard::InterruptGuard() {
  ERGON_CHECK(!guarded, "there is an InterruptGuard already; one at a time");
  guarded = true;
  requested = 0;
  struct sigaction action {};
  action.sa_handler = ergon_handle_interrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_interrupt);
  sigaction(SIGTERM, &action, &previous_terminate);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_interrupt, nullptr);
  sigaction(SIGTERM, &previous_terminate, nullptr);
  guarded = false;
}

bool interrupt_requested() { return requested != 0; }

}  // namespace ergon

#pragma once

namespace ergon {

/// Flushes denormal numbers to zero on the calling thread (they cost over 100 times a normal
/// operation): the first thing to do in every worker thread. Does nothing on machines other than
/// x86-64 and AArch64.
void flush_denormals();

}  // namespace ergon

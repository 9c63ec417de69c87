#pragma once

namespace gymreel {

/// How many CPUs this process may run on (its affinity, where the system has one), at least 1.
int usable_cpus() noexcept;

/// How many threads an encoder should get for frames of this size. Small frames are not worth sharing, and an encoder
/// left to itself counts the machine's CPUs instead of the process's.
int choose_encoder_threads(int width, int height) noexcept;

}  // namespace gymreel

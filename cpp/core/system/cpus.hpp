#pragma once

#include "core/system/control_group.hpp"

#ifdef __linux__
#include <sched.h>
#endif

namespace gymreel {

/// The CPUs that a thread may run on, where the system knows such a thing.
///
/// Thread: any. Errors: none; without an answer from the system it stands for all CPUs.
class CpuAffinity {
public:
    static CpuAffinity of_current_thread() noexcept;

    /// Lets the calling thread run on these CPUs, as far as the system allows it.
    void apply_to_current_thread() const noexcept;

    /// At least 1.
    int count() const noexcept;

private:
#ifdef __linux__
    cpu_set_t cpus_{};
    bool is_known_ = false;
#endif
};

/// How many CPUs this process may really use, at least 1: those of `affinity`, and no more than the quota of its control
/// group. Reads files; the caller remembers the answer.
int count_usable_cpus(const CpuAffinity& affinity, const ControlGroups& groups = ControlGroups()) noexcept;

/// How many threads an encoder should get for frames of this size when `num_threads` are shared by `num_encoders`.
/// Small frames are not worth sharing out, and an encoder left to itself counts the machine's CPUs.
int choose_encoder_threads(int width, int height, int num_threads, int num_encoders) noexcept;

}  // namespace gymreel

#pragma once

#include "core/system/control_group.hpp"

#ifdef __linux__
#include <sched.h>
#endif

namespace gymreel {

/// The set of CPUs that a thread may run on. On systems without such sets it stands for all CPUs.
///
/// Thread: any. Errors: none.
class CpuAffinity {
public:
    /// Return the affinity of the calling thread.
    static CpuAffinity of_current_thread() noexcept;

    /// Set these as the CPUs that the calling thread runs on. A refusal of the system is ignored.
    void apply_to_current_thread() const noexcept;

    /// Return the number of CPUs, at least 1.
    int count() const noexcept;

private:
#ifdef __linux__
    cpu_set_t cpus_{};
    bool is_known_ = false;
#endif
};

/// Return how many CPUs this process can use, at least 1: those of `affinity`, limited by the quota of its control
/// groups. It reads files, so the caller should keep the result.
///
/// Thread: any. Errors: none.
int count_usable_cpus(const CpuAffinity& affinity, const ControlGroups& groups = ControlGroups()) noexcept;

}  // namespace gymreel

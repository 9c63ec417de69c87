#include "core/system/cpus.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

namespace gymreel {

CpuAffinity CpuAffinity::of_current_thread() noexcept {
    CpuAffinity affinity;
#ifdef __linux__
    affinity.is_known_ = sched_getaffinity(0, sizeof(affinity.cpus_), &affinity.cpus_) == 0;
#endif
    return affinity;
}

void CpuAffinity::apply_to_current_thread() const noexcept {
#ifdef __linux__
    if (is_known_) sched_setaffinity(0, sizeof(cpus_), &cpus_);
#endif
}

int CpuAffinity::count() const noexcept {
#ifdef __linux__
    if (is_known_) return std::max(1, CPU_COUNT(&cpus_));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int count_usable_cpus(const CpuAffinity& affinity, const ControlGroups& groups) noexcept {
    const double quota = std::ceil(groups.cpu_quota());
    return quota < affinity.count() ? std::max(1, static_cast<int>(quota)) : affinity.count();
}

}  // namespace gymreel

#include "core/system/cpus.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
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

int choose_encoder_threads(int width, int height, int num_threads, int num_encoders) noexcept {
    constexpr std::int64_t pixels_per_thread = std::int64_t{640} * 480;
    constexpr std::int64_t most_threads = 16;
    const std::int64_t by_size = static_cast<std::int64_t>(width) * height / pixels_per_thread;
    // One and a half for each CPU, as x264 itself chooses: threads that work on successive frames wait for each other.
    const std::int64_t share = std::int64_t{3} * num_threads / std::max(num_encoders, 1) / 2;
    return static_cast<int>(std::clamp<std::int64_t>(std::min(by_size, share), 1, most_threads));
}

}  // namespace gymreel

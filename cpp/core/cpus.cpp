#include "cpus.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

namespace gymreel {
namespace {

#ifdef __linux__

constexpr double unlimited = std::numeric_limits<double>::infinity();

/// The quota in CPUs that a version 2 group sets in "cpu.max" ("max 100000" or "150000 100000").
double read_quota(const std::filesystem::path& group) {
    std::ifstream file(group / "cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period) || quota == "max" || period <= 0) return unlimited;
    return std::stod(quota) / period;
}

/// The quota of a version 1 hierarchy, as containers see their own.
double read_quota_version_1() {
    const std::filesystem::path group = "/sys/fs/cgroup/cpu";
    std::ifstream quota_file(group / "cpu.cfs_quota_us");
    std::ifstream period_file(group / "cpu.cfs_period_us");
    double quota = 0;
    double period = 0;
    if (!(quota_file >> quota) || !(period_file >> period) || quota <= 0 || period <= 0) return unlimited;
    return quota / period;
}

/// The tightest quota of this process's group and the groups around it.
double read_group_quota() {
    const std::filesystem::path root = "/sys/fs/cgroup";
    double quota = std::min(read_quota(root), read_quota_version_1());
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        if (line.rfind("0::/", 0) != 0) continue;
        for (auto group = root / line.substr(4); group != root && group.has_relative_path();
             group = group.parent_path()) {
            quota = std::min(quota, read_quota(group));
        }
    }
    return quota;
}

#endif

}  // namespace

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

int count_usable_cpus(const CpuAffinity& affinity) noexcept {
    try {
#ifdef __linux__
        const double quota = std::ceil(read_group_quota());
        return quota < affinity.count() ? std::max(1, static_cast<int>(quota)) : affinity.count();
#else
        return affinity.count();
#endif
    } catch (const std::exception&) {  // A file that holds what nobody expects.
        return 1;
    }
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

#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <utility>

namespace gymreel {

/// The limits that control groups, of version 1 or 2, set for this process. Files that are missing, unreadable or
/// malformed set no limit.
///
/// Thread: any. Errors: none.
class ControlGroups {
public:
    static constexpr double no_quota = std::numeric_limits<double>::infinity();
    static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

    /// `root` is the folder of the control groups. `membership` is the file that lists the groups of this process.
    explicit ControlGroups(std::filesystem::path root = "/sys/fs/cgroup",
                           std::filesystem::path membership = "/proc/self/cgroup")
        : root_(std::move(root)), membership_(std::move(membership)) {}

    /// Return the smallest quota, in CPUs, of the groups of this process and the groups that contain them.
    double cpu_quota() const noexcept;

    /// Return the smallest memory limit, in bytes, of the groups of this process and the groups that contain them.
    std::uint64_t memory_limit() const noexcept;

private:
    template <typename Visit>
    void visit(const char* controller, Visit visit) const;

    std::filesystem::path root_;
    std::filesystem::path membership_;
};

}  // namespace gymreel

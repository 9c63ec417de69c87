#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <utility>

namespace gymreel {

/// What the control groups of this process leave to it, whichever version of them the system has. Files that are
/// missing, unreadable or odd set no limit.
///
/// Thread: any. Errors: none.
class ControlGroups {
public:
    static constexpr double no_quota = std::numeric_limits<double>::infinity();
    static constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

    /// `root`: where the system has them; `membership`: the file that says which are this process's.
    explicit ControlGroups(std::filesystem::path root = "/sys/fs/cgroup",
                           std::filesystem::path membership = "/proc/self/cgroup")
        : root_(std::move(root)), membership_(std::move(membership)) {}

    /// The tightest quota, in CPUs, of the process's group and the groups around it.
    double cpu_quota() const noexcept;

    /// The tightest limit, in bytes, of the process's group and the groups around it.
    std::uint64_t memory_limit() const noexcept;

private:
    template <typename Visit>
    void visit(const char* controller, Visit visit) const;

    std::filesystem::path root_;
    std::filesystem::path membership_;
};

}  // namespace gymreel

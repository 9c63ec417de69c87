#pragma once

#include "core/system/control_group.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace gymreel {

/// Return the default limit for the memory of waiting frames: 512 MiB, or a quarter of the memory limit of the control
/// groups if that is less. The rest is for the program, its encoders and its frames.
inline std::size_t default_pending_bytes(const ControlGroups& groups = ControlGroups()) noexcept {
    constexpr std::uint64_t most = std::uint64_t{512} << 20;
    constexpr std::uint64_t share = 4;
    return static_cast<std::size_t>(std::min(most, groups.memory_limit() / share));
}

/// A limit for the memory of the waiting frames of all streams together.
///
/// Thread: any.
/// Errors: none.
class MemoryBudget {
public:
    explicit MemoryBudget(std::size_t limit) noexcept : limit_(limit) {}

    void set_limit(std::size_t limit) noexcept {
        const std::lock_guard lock(mutex_);
        limit_ = limit;
        changed_.notify_all();
    }

    std::size_t limit() noexcept {
        const std::lock_guard lock(mutex_);
        return limit_;
    }

    /// Reserve `num_bytes` if the limit allows it, and return whether it does. `at_any_rate` ignores the limit. That is
    /// for the only frame of a stream, which otherwise might wait for ever for streams that are never finished.
    bool reserve(std::size_t num_bytes, bool at_any_rate) noexcept {
        const std::lock_guard lock(mutex_);
        if (!at_any_rate && used_ + num_bytes > limit_) return false;
        used_ += num_bytes;
        return true;
    }

    void release(std::size_t num_bytes) noexcept {
        const std::lock_guard lock(mutex_);
        used_ -= num_bytes;
        if (num_waiting_ > 0) changed_.notify_all();
    }

    /// Wait until the limit allows `num_bytes` or something was released, at most for `timeout`. Return false if it
    /// timed out.
    bool wait_for_change(std::size_t num_bytes, std::chrono::milliseconds timeout) {
        std::unique_lock lock(mutex_);
        if (used_ + num_bytes <= limit_) return true;
        ++num_waiting_;
        const bool is_changed = changed_.wait_for(lock, timeout) == std::cv_status::no_timeout;
        --num_waiting_;
        return is_changed;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t limit_;
    std::size_t used_ = 0;
    int num_waiting_ = 0;
};

}  // namespace gymreel

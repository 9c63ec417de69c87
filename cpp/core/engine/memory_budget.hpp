#pragma once

#include "core/system/control_group.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace gymreel {

/// What the waiting frames of all streams together may take unless the user says otherwise: 512 MiB, and no more than a
/// quarter of what the control groups leave to this process. The rest is for the program, its encoders and its frames.
inline std::size_t default_pending_bytes(const ControlGroups& groups = ControlGroups()) noexcept {
    constexpr std::uint64_t most = std::uint64_t{512} << 20;
    constexpr std::uint64_t share = 4;
    return static_cast<std::size_t>(std::min(most, groups.memory_limit() / share));
}

/// The memory that waiting frames of all streams together may take.
///
/// Thread: any. Errors: none.
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

    /// Takes `num_bytes` if they fit. With `at_any_rate` they need not: each stream may always have one frame under
    /// way, or it could wait for ever behind streams that nobody finishes.
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

    /// Waits until `num_bytes` fit or something was released, at most `timeout`. True where it did not time out.
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

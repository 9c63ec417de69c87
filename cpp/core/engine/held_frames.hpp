#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace gymreel {

/// When each frame came that a kill would still take: those that the encoder holds back, and those whose packets are in a
/// fragment that has not ended.
///
/// Of frames that are coded out of order only those count as out of the encoder before which none is missing.
/// Thread: one at a time. Errors: std::bad_alloc from add().
class HeldFrames {
public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    /// The next frame goes into the encoder.
    void add(Time came) { frames_.push_back({came, false}); }

    /// The packet of frame `number`, counted from 0, is in the fragment.
    void came_out(std::int64_t number) noexcept {
        const auto position = static_cast<std::size_t>(number - num_out_);
        if (number < num_out_ || position >= frames_.size()) return;
        frames_[position].is_out = true;
        for (; !frames_.empty() && frames_.front().is_out; ++num_out_) {
            if (!oldest_unsaved_) oldest_unsaved_ = frames_.front().came;
            frames_.pop_front();
        }
    }

    /// The fragment has ended: everything that came out is in the file.
    void saved() noexcept { oldest_unsaved_.reset(); }

    /// When the oldest frame came that the encoder still has.
    std::optional<Time> oldest_held() const noexcept {
        return frames_.empty() || !is_drainable_ ? std::nullopt : std::optional(frames_.front().came);
    }

    /// When the oldest frame came that is out of the encoder and not in the file.
    std::optional<Time> oldest_unsaved() const noexcept { return oldest_unsaved_; }

    /// The encoder cannot be drained: what it holds back is not looked after any more.
    void cannot_be_drained() noexcept { is_drainable_ = false; }

    std::size_t num_held() const noexcept { return frames_.size(); }

private:
    struct Frame {
        Time came;
        bool is_out = false;
    };

    std::deque<Frame> frames_;
    std::int64_t num_out_ = 0;
    bool is_drainable_ = true;
    std::optional<Time> oldest_unsaved_;
};

}  // namespace gymreel

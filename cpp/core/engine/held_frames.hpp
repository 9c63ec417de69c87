#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace gymreel {

/// The times at which those frames came that a kill would lose: the frames that the encoder holds back, and the frames
/// whose packets are in an unfinished fragment.
///
/// An encoder may put out frames in another order. A frame counts as out only once all frames before it are out.
///
/// Thread: one at a time.
/// Errors: std::bad_alloc from add().
class HeldFrames {
public:
    using Clock = std::chrono::steady_clock;
    using Time = Clock::time_point;

    /// Note that the next frame goes into the encoder.
    void add(Time came) { frames_.push_back({came, false}); }

    /// Note that the packet of a frame is in the fragment. Frames are numbered from 0.
    void came_out(std::int64_t number) noexcept {
        const auto position = static_cast<std::size_t>(number - num_out_);
        if (number < num_out_ || position >= frames_.size()) return;
        frames_[position].is_out = true;
        for (; !frames_.empty() && frames_.front().is_out; ++num_out_) {
            if (!oldest_unsaved_) oldest_unsaved_ = frames_.front().came;
            frames_.pop_front();
        }
    }

    /// Note that the fragment has ended, which puts every packet so far into the file.
    void saved() noexcept { oldest_unsaved_.reset(); }

    /// Return when the oldest frame came that the encoder holds back. Nothing if there is none, or if the encoder
    /// cannot be drained.
    std::optional<Time> oldest_held() const noexcept {
        return frames_.empty() || !is_drainable_ ? std::nullopt : std::optional(frames_.front().came);
    }

    /// Return when the oldest frame came that is out of the encoder and not in the file yet.
    std::optional<Time> oldest_unsaved() const noexcept { return oldest_unsaved_; }

    /// Note that the encoder cannot be drained, so that nothing can be done about the frames that it holds back.
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

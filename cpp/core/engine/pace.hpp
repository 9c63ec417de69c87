#pragma once

#include "core/engine/held_frames.hpp"
#include "core/file/container_kind.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace gymreel {

/// Decides, by the wall clock, when what a kill would take is brought into the file, and how far the encoder may look
/// ahead at the pace at which frames come. docs/reliability.md has the promise that this keeps.
///
/// Thread: one at a time. Errors: none.
class Pace {
public:
    using Clock = HeldFrames::Clock;
    using Time = HeldFrames::Time;

    /// A stream without a new frame for that long rests: the encoder gives out what it holds back.
    static constexpr std::chrono::milliseconds rest_after{500};
    /// A frame is not held back longer, although more come,
    static constexpr std::chrono::milliseconds longest_hold{800};
    /// unless they come that fast (frames a second): then the look-ahead is short enough, or was the user's wish.
    static constexpr int full_pace = 24;
    /// From here on (frames a second) an encoder may look ahead again. More than full_pace, so that it does not change
    /// to and fro.
    static constexpr int recovered_pace = 26;
    /// Frames over which that is measured.
    static constexpr int num_measured = 64;
    /// So many waiting frames say that a brief look-ahead, which uses one thread, is too slow.
    static constexpr std::size_t too_many_waiting = 16;

    void frame_came(Time now) noexcept {
        last_frame_ = now;
        if (num_frames_++ == 0) measured_since_ = now;
        if (num_frames_ <= num_measured) return;
        using Seconds = std::chrono::duration<double>;
        is_fast_ = Seconds(now - measured_since_) * recovered_pace < Seconds(num_measured);
        num_frames_ = 1;
        measured_since_ = now;
    }

    void packet_came(Time now) noexcept {
        if (!fragment_since_) fragment_since_ = now;
    }

    void fragment_ended() noexcept { fragment_since_.reset(); }

    /// The encoder was drained: the pace is measured anew.
    void drained() noexcept {
        num_frames_ = 0;
        is_fast_ = false;
    }

    /// When the fragment has to end; nothing where it holds nothing.
    std::optional<Time> fragment_due(const HeldFrames& held) const noexcept {
        if (!fragment_since_) return std::nullopt;
        const Time end = *fragment_since_ + fragment_time;
        return held.oldest_unsaved() ? std::min(end, *held.oldest_unsaved() + longest_hold) : end;
    }

    /// When the encoder has to be drained although frames come; nothing where it holds nothing.
    std::optional<Time> hold_due(const HeldFrames& held) const noexcept {
        if (!held.oldest_held()) return std::nullopt;
        const std::chrono::milliseconds at_full_pace(1000 * static_cast<std::int64_t>(held.num_held()) / full_pace);
        return *held.oldest_held() + std::max(longest_hold, at_full_pace);
    }

    /// When the encoder has to be drained because no frame comes; nothing where it holds nothing.
    std::optional<Time> rest_due(const HeldFrames& held) const noexcept {
        return held.oldest_held() ? std::optional(last_frame_ + rest_after) : std::nullopt;
    }

    /// The first of the three.
    std::optional<Time> next_due(const HeldFrames& held) const noexcept {
        std::optional<Time> first = fragment_due(held);
        for (const auto& due : {hold_due(held), rest_due(held)}) {
            if (due && (!first || *due < *first)) first = due;
        }
        return first;
    }

    /// True where frames come fast enough again, or wait in such numbers, that a brief look-ahead is no use.
    bool has_recovered(std::size_t num_waiting) const noexcept { return is_fast_ || num_waiting >= too_many_waiting; }

private:
    Time last_frame_;
    Time measured_since_;
    int num_frames_ = 0;
    bool is_fast_ = false;
    std::optional<Time> fragment_since_;
};

}  // namespace gymreel

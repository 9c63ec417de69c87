#pragma once

#include "core/engine/held_frames.hpp"
#include "core/file/container_kind.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace gymreel {

/// Decides by the wall clock when frames that a kill would lose are brought into the file, and by the pace of the
/// frames how far the encoder may look ahead. docs/reliability.md states the promise that this keeps.
///
/// Thread: one at a time.
/// Errors: none.
class Pace {
public:
    using Clock = HeldFrames::Clock;
    using Time = HeldFrames::Time;

    /// The encoder is drained if no frame has come for this long.
    static constexpr std::chrono::milliseconds rest_after{500};
    /// The longest time that a frame is held back by the encoder while frames come slower than `full_pace`.
    static constexpr std::chrono::milliseconds longest_hold{800};
    /// Frames per second. If they come faster than this, a usual look-ahead takes less than about a second, and
    /// `longest_hold` does not apply.
    static constexpr int full_pace = 24;
    /// Frames per second from which an encoder that was limited to a brief look-ahead may look ahead again. It is more
    /// than `full_pace`, so that the look-ahead does not alternate.
    static constexpr int recovered_pace = 26;
    /// The number of frames over which the pace is measured.
    static constexpr int num_measured = 64;
    /// If this many frames are waiting, a brief look-ahead is too slow: it uses one thread.
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

    /// Note that the encoder was drained. The pace is measured anew.
    void drained() noexcept {
        num_frames_ = 0;
        is_fast_ = false;
    }

    /// Return when the fragment has to end. Nothing if it is empty.
    std::optional<Time> fragment_due(const HeldFrames& held) const noexcept {
        if (!fragment_since_) return std::nullopt;
        const Time end = *fragment_since_ + fragment_time;
        return held.oldest_unsaved() ? std::min(end, *held.oldest_unsaved() + longest_hold) : end;
    }

    /// Return when the encoder has to be drained even if frames keep coming. Nothing if it holds none.
    std::optional<Time> hold_due(const HeldFrames& held) const noexcept {
        if (!held.oldest_held()) return std::nullopt;
        const std::chrono::milliseconds at_full_pace(1000 * static_cast<std::int64_t>(held.num_held()) / full_pace);
        return *held.oldest_held() + std::max(longest_hold, at_full_pace);
    }

    /// Return when the encoder has to be drained if no frame comes until then. Nothing if it holds none.
    std::optional<Time> rest_due(const HeldFrames& held) const noexcept {
        return held.oldest_held() ? std::optional(last_frame_ + rest_after) : std::nullopt;
    }

    /// Return the earliest of these three times.
    std::optional<Time> next_due(const HeldFrames& held) const noexcept {
        std::optional<Time> first = fragment_due(held);
        for (const auto& due : {hold_due(held), rest_due(held)}) {
            if (due && (!first || *due < *first)) first = due;
        }
        return first;
    }

    /// Return whether the look-ahead need not be brief any more, because frames come fast again or too many are
    /// waiting.
    bool has_recovered(std::size_t num_waiting) const noexcept { return is_fast_ || num_waiting >= too_many_waiting; }

private:
    Time last_frame_;
    Time measured_since_;
    int num_frames_ = 0;
    bool is_fast_ = false;
    std::optional<Time> fragment_since_;
};

}  // namespace gymreel

#pragma once

#include "core/pixels/frame_pixels.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

namespace gymreel {

/// The reference that keeps borrowed pixels alive, one for all tiles of a frame. The core does not know what it is.
/// Each token that it accepts comes back exactly once through SpentFrames, where the side that made it releases it.
using OwnerToken = void*;

/// Memory for the copy of a frame that could not be borrowed.
struct FrameBuffer {
    std::unique_ptr<std::uint8_t[]> data;
    std::size_t capacity = 0;
};

/// A frame between write() and the encoder.
struct PendingFrame {
    FramePixels pixels;
    OwnerToken owner = nullptr;  ///< Null if `copy` holds the pixels.
    FrameBuffer copy;
    std::size_t num_bytes = 0;
    std::optional<std::uint64_t> checksum;  ///< Of borrowed pixels, if the stream checks them.
};

/// A list, because moving its nodes from one list to another cannot fail.
using FrameList = std::list<PendingFrame>;

/// Borrowed frames that the encoder no longer needs, until the side that owns them takes them back.
///
/// That side takes them whenever it writes a frame. If nothing is written any more, or many bytes have accumulated, it
/// is asked to take them.
///
/// Thread: any.
/// Errors: none.
class SpentFrames {
public:
    /// A function that asks the owning side to call take() soon, and returns false if it could not ask now. It is
    /// called on a worker under a lock, so it must return at once and must not use this object.
    using Ask = bool (*)();

    /// Set the function, or null for none. The previous one is not called any more after this has returned.
    void set_ask(Ask ask) noexcept {
        const std::lock_guard lock(mutex_);
        ask_ = ask;
        is_asked_ = false;
    }

    void add(FrameList& frames) noexcept {
        constexpr std::size_t much = std::size_t{16} << 20;
        const std::lock_guard lock(mutex_);
        for (const PendingFrame& frame : frames) num_bytes_ += frame.num_bytes;
        frames_.splice(frames_.end(), frames);
        if (num_bytes_ >= much) ask();
    }

    /// Ask for the frames that are here to be taken, because nothing may be written for a long time.
    void send_back() noexcept {
        const std::lock_guard lock(mutex_);
        if (!frames_.empty()) ask();
    }

    FrameList take() noexcept {
        FrameList frames;
        const std::lock_guard lock(mutex_);
        frames.swap(frames_);
        num_bytes_ = 0;
        is_asked_ = false;
        return frames;
    }

private:
    void ask() noexcept {
        if (ask_ != nullptr && !is_asked_) is_asked_ = ask_();
    }

    std::mutex mutex_;
    FrameList frames_;
    std::size_t num_bytes_ = 0;
    Ask ask_ = nullptr;
    bool is_asked_ = false;  // Whether `ask_` has succeeded since the last take().
};

}  // namespace gymreel

#pragma once

#include "core/pixels/frame_pixels.hpp"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

namespace gymreel {

/// Whatever keeps borrowed pixels alive: one token for all tiles of a frame. The core never looks inside: each token that
/// it accepted comes back exactly once through SpentFrames, to be let go of by the side that made it.
using OwnerToken = void*;

/// Memory for the copy of a frame that could not be borrowed.
struct FrameBuffer {
    std::unique_ptr<std::uint8_t[]> data;
    std::size_t capacity = 0;
};

/// A frame between write() and the encoder.
struct PendingFrame {
    FramePixels pixels;
    OwnerToken owner = nullptr;  ///< Null where `copy` holds the pixels.
    FrameBuffer copy;
    std::size_t num_bytes = 0;
    std::optional<std::uint64_t> checksum;  ///< Of borrowed pixels, where the stream checks them.
};

/// Frames change hands by splicing list nodes, which cannot fail.
using FrameList = std::list<PendingFrame>;

/// Borrowed frames that the encoder no longer needs, on their way back to the side that owns them.
///
/// That side takes them whenever it has something to write. Where nothing is written any more, or much has gathered, it
/// is asked to come for them.
///
/// Thread: any. Errors: none.
class SpentFrames {
public:
    /// Asks the owning side to call take() soon; false where that could not be done now. It is called on a worker, under
    /// a lock: it must return at once and call nothing here.
    using Ask = bool (*)();

    /// Null to ask nobody. When this returns, the function before is not being called any more.
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

    /// Has the frames fetched that are here: perhaps nothing will be written for a long time.
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
    bool is_asked_ = false;  // Since the last take().
};

}  // namespace gymreel

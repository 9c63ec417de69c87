#pragma once

#include "tiles.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

namespace gymreel {

/// Whatever keeps borrowed pixels alive: one token for all tiles of a frame. The core never looks inside: each token that it accepted comes back exactly
/// once through SpentFrames, to be let go of by the side that made it.
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
/// Thread: any. Errors: none.
class SpentFrames {
public:
    void add(FrameList& frames) noexcept {
        const std::lock_guard lock(mutex_);
        frames_.splice(frames_.end(), frames);
    }

    FrameList take() noexcept {
        FrameList frames;
        const std::lock_guard lock(mutex_);
        frames.swap(frames_);
        return frames;
    }

private:
    std::mutex mutex_;
    FrameList frames_;
};

}  // namespace gymreel

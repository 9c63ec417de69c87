#pragma once

#include <cstddef>
#include <cstdint>

namespace gymreel {

/// Pixels of one frame that belong to somebody else, with the distances in bytes from one row, pixel and channel
/// to the next. A distance may be negative or zero: arrays can be flipped, transposed and broadcast.
///
/// A view can magnify: then it has `scale` x `scale` equal pixels for each one in memory, which the distances belong to.
///
/// Ownership: none. Whoever makes the view keeps the pixels alive and unchanged while it is in use.
struct FrameView {
    const std::uint8_t* data = nullptr;  ///< Row 0, pixel 0, channel 0.
    int width = 0;                       ///< Pixels in a row, at least 1; a multiple of `scale`.
    int height = 0;                      ///< Rows, at least 1; a multiple of `scale`.
    int channels = 0;  ///< 1 (grey), 3 (RGB), 4 (RGBA, alpha ignored), or 2 (the bytes of grey in 16 bits).
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t pixel_stride = 0;
    std::ptrdiff_t channel_stride = 0;
    int scale = 1;
};

/// Return a view of the same pixels, each shown as a square of `scale` x `scale` pixels. `view` does not magnify.
inline FrameView magnified(FrameView view, int scale) noexcept {
    view.width *= scale;
    view.height *= scale;
    view.scale = scale;
    return view;
}

}  // namespace gymreel

#pragma once

#include <cstddef>
#include <cstdint>

namespace gymreel {

/// Pixels that somebody else owns: one uint8 frame and the steps, in bytes, from a row, a pixel and a channel to the
/// next. Any step may be negative or zero (flipped, transposed and broadcast arrays).
///
/// Ownership: none. Whoever makes the view keeps the pixels alive and unchanged for as long as it is used.
struct FrameView {
    const std::uint8_t* data = nullptr;  ///< Row 0, pixel 0, channel 0.
    int width = 0;                       ///< Pixels, at least 1.
    int height = 0;                      ///< Rows, at least 1.
    int channels = 0;                    ///< 1 (grey), 3 (RGB) or 4 (RGBA, alpha ignored).
    std::ptrdiff_t row_stride = 0;
    std::ptrdiff_t pixel_stride = 0;
    std::ptrdiff_t channel_stride = 0;
};

}  // namespace gymreel

#pragma once

#include "core/pixels/frame_view.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace gymreel {

/// Reduction of frames to at most 255 colours and one palette index per pixel, as GIF needs them.
///
/// A frame with few colours, as most 2-D environments draw, keeps them exactly. The palette then stays the same from
/// frame to frame, so that GIF stores only the pixels that changed. A frame with more colours is reduced by median cut
/// (P. Heckbert, "Color image quantization for frame buffer display", 1982) over a histogram of 5 bits per channel.
///
/// Thread: one at a time.
/// Errors: std::bad_alloc.
class Palettizer {
public:
    /// Colours as 0xAARRGGBB. The last one is transparent, so that the encoder can mark unchanged pixels.
    using Palette = std::array<std::uint32_t, 256>;

    Palettizer();

    /// Write one index per pixel to `indices`, whose rows are `stride` bytes apart, and return the palette. The palette
    /// is valid until the next call.
    const Palette& convert(const FrameView& frame, std::uint8_t* indices, std::ptrdiff_t stride);

private:
    static constexpr int max_colors = 255;  // The last entry is reserved for transparency.

    bool convert_exactly(std::uint8_t* indices, std::ptrdiff_t stride);
    void convert_by_median_cut(std::uint8_t* indices, std::ptrdiff_t stride);
    int find_or_add(std::uint32_t color);
    void forget();

    struct Slot {
        std::uint32_t color = 0;
        std::int16_t index = -1;
    };

    Palette palette_{};
    int num_colors_ = 0;
    std::vector<Slot> slots_;            // A hash table from colour to index, with open addressing.
    std::vector<std::uint32_t> pixels_;  // The current frame as 0xFFRRGGBB.
    int width_ = 0;
};

}  // namespace gymreel

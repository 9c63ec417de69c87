#pragma once

#include "core/pixels/frame_view.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace gymreel {

/// Turns RGB frames into at most 255 colours and an index for each pixel, as GIF wants them.
///
/// A frame with few colours (most 2-D environments) keeps them exactly, and the palette then stays the same from frame
/// to frame, so that GIF stores only what moved. A frame with more is reduced by median cut (P. Heckbert, "Color image
/// quantization for frame buffer display", 1982) over a histogram of 5 bits a channel.
///
/// Thread: one at a time.
/// Errors: std::bad_alloc.
class Palettizer {
public:
    /// 0xAARRGGBB; the last one is transparent, which lets the encoder mark unchanged pixels.
    using Palette = std::array<std::uint32_t, 256>;

    Palettizer();

    /// Writes one index for each pixel to `indices` (rows `stride` bytes apart) and returns the palette they point into.
    const Palette& convert(const FrameView& frame, std::uint8_t* indices, std::ptrdiff_t stride);

private:
    static constexpr int max_colors = 255;  // One entry stays free for "transparent".

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
    std::vector<Slot> slots_;            // Open addressing, colour to index.
    std::vector<std::uint32_t> pixels_;  // The frame as 0xFFRRGGBB.
    int width_ = 0;
};

}  // namespace gymreel

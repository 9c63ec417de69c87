#pragma once

#include "core/pixels/frame_pixels.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gymreel {

/// A rectangle of a canvas.
struct Region {
    int x = 0;
    int y = 0;
    int width = 0;
    int height = 0;
};

/// Return the number of bytes of a canvas in packed RGB.
std::size_t canvas_bytes(const TiledView& frame) noexcept;

/// Paint the tiles on `canvas`, which has `canvas_bytes()` bytes, and return a view of it. The canvas is packed RGB:
/// grey becomes RGB, and alpha is dropped.
///
/// Errors: std::bad_alloc.
FrameView compose(const TiledView& frame, std::uint8_t* canvas);

/// Return the part of a canvas of size `canvas` that a tile fills: the tile extended to an even size, as far as the
/// canvas reaches.
Region region_of(const Tile& tile, FrameSize canvas) noexcept;

/// Return regions that together are the part of a canvas of size `canvas` that no tile fills.
///
/// Errors: std::bad_alloc.
std::vector<Region> find_gaps(const TiledView& frame, FrameSize canvas);

}  // namespace gymreel

#pragma once

#include "core/pixels/frame_view.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <variant>
#include <vector>

namespace gymreel {

struct FrameSize {
    int width = 0;
    int height = 0;
};

/// The largest width and height of a picture. No codec here supports more.
constexpr int largest_side = std::numeric_limits<std::int16_t>::max();

/// Return how often to magnify pictures of this size: 1 if the longer side has 320 pixels or more, else the smallest even
/// number with which it has at least 600. Even, because colours are stored for squares of 2 x 2 pixels: so each of these
/// lies within one pixel of the picture.
int auto_scale(FrameSize size) noexcept;

/// One of the images that a frame is made of, and the position of its upper left corner on the canvas. Both coordinates
/// are even, so that no two tiles share a chroma sample. A tile of odd size is extended to an even size by repeating
/// its last row or column, unless the canvas ends there.
struct Tile {
    FrameView view;
    int x = 0;
    int y = 0;
};

/// A frame made of tiles. Pixels that no tile covers are black; where tiles overlap, the later one is visible.
///
/// Ownership: none, as for FrameView.
struct TiledView {
    std::vector<Tile> tiles;  ///< Each lies within the canvas.
    int width = 0;            ///< Of the canvas.
    int height = 0;           ///< Of the canvas.
};

/// The pixels of one frame, either a single image or several tiles.
///
/// Ownership: none, as for FrameView.
using FramePixels = std::variant<FrameView, TiledView>;

/// Return the size of the picture.
FrameSize size_of(const FramePixels& pixels);

/// Return the number of bytes of the pixels without gaps between them, which is how much memory a borrowed frame counts
/// for.
std::size_t packed_size(const FramePixels& pixels);

/// Return the number of bytes of a copy. A copy of tiles is a whole canvas.
std::size_t copied_size(const FramePixels& pixels);

/// Write a copy without gaps, of `copied_size()` bytes, and return a view of it.
///
/// Errors: std::bad_alloc.
FrameView pack_frame(const FramePixels& pixels, std::uint8_t* destination);

/// Return a checksum of all pixels. Of tiles it covers the pixels of each tile, including hidden ones.
std::uint64_t checksum(const FramePixels& pixels);

}  // namespace gymreel

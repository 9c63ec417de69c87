#pragma once

#include "core/pixels/frame_view.hpp"

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace gymreel {

/// One of the pictures that a frame is made of, and where on the canvas it begins. The place is even in both
/// directions, so that no two tiles share a sample of chroma; an odd size is rounded up by repeating the last row or
/// column, as far as the canvas goes.
struct Tile {
    FrameView view;
    int x = 0;
    int y = 0;
};

/// A frame made of tiles, black where there is none. Where tiles overlap, the later one is seen.
///
/// Ownership: none, as FrameView.
struct TiledView {
    std::vector<Tile> tiles;  ///< Each within the canvas.
    int width = 0;            ///< Of the canvas.
    int height = 0;
};

/// What a frame is made of: one picture or several.
using FramePixels = std::variant<FrameView, TiledView>;

struct FrameSize {
    int width = 0;
    int height = 0;
};

/// A part of a canvas.
struct Region {
    int x = 0;
    int y = 0;
    int width = 0;
    int height = 0;
};

FrameSize size_of(const FramePixels& pixels);

/// The size of the packed pixels in bytes: what a borrowed frame keeps, strides apart.
std::size_t packed_size(const FramePixels& pixels);

/// The size of a copy in bytes. That of tiles is the whole canvas.
std::size_t copied_size(const FramePixels& pixels);

/// Writes a packed copy of `copied_size()` bytes and returns its view. Errors: std::bad_alloc.
FrameView pack_frame(const FramePixels& pixels, std::uint8_t* destination);

/// Paints the tiles on a canvas of packed RGB and returns its view: what they show, as one picture. Grey becomes RGB,
/// alpha is dropped. Errors: std::bad_alloc.
FrameView compose(const TiledView& frame, std::uint8_t* canvas);

/// A number that is another one when any pixel of any tile is another one, but for chance.
std::uint64_t checksum(const FramePixels& pixels);

/// What a tile fills of a canvas of that size: its own size rounded up to even, as far as the canvas goes.
Region region_of(const Tile& tile, FrameSize canvas) noexcept;

/// Regions of a canvas of that size that together are what no tile fills. Errors: std::bad_alloc.
std::vector<Region> find_gaps(const TiledView& frame, FrameSize canvas);

}  // namespace gymreel

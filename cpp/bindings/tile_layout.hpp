#pragma once

#include "core/pixels/frame_pixels.hpp"

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gymreel {

/// The sizes of the tiles in `frames`, a list of one array for each tile or of one array of four axes for all. Their type
/// may be any.
///
/// Thread: with the GIL.
/// Errors: Error (frame_type, frame_shape), naming the tile.
std::vector<FrameSize> tile_sizes(const pybind11::list& frames);

/// What messages call the array at `index` in `frames`: a tile, or the array of all tiles.
std::string name_of_array(const pybind11::list& frames, std::size_t index);

/// True where the memory of all tiles may be borrowed: can_borrow() says so of every array in `frames`, which holds the
/// one reference to each. Thread: with the GIL.
bool can_borrow_all(const pybind11::list& frames);

/// How the frames of one stream are made of tiles: how many, where they go, and since the first frame how large they
/// are.
///
/// Thread: with the GIL.
class TileLayout {
public:
    using Position = std::pair<std::int64_t, std::int64_t>;  ///< x and y.

    /// A canvas of that size, and where on it each tile begins.
    /// Errors: Error (config, or frame_shape for a canvas that is too large).
    TileLayout(std::int64_t width, std::int64_t height, const std::vector<Position>& positions);

    /// The pixels of `frames`, as tile_sizes() takes them, all of uint8.
    ///
    /// Ownership: the view is good for as long as the arrays are alive.
    /// Errors: Error (frame_type, frame_shape), naming the tile.
    TiledView view_of(const pybind11::list& frames);

private:
    void check_fits(const TiledView& frame) const;
    void check_sizes(const TiledView& frame) const;

    FrameSize canvas_;
    std::vector<Tile> tiles_;            // Their places; the views are empty.
    std::vector<FrameSize> tile_sizes_;  // Of the first frame; empty before it.
};

}  // namespace gymreel

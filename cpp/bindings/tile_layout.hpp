#pragma once

#include "core/pixels/frame_pixels.hpp"

#include <pybind11/pybind11.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace gymreel {

/// Return the sizes of the tiles in `frames`, a list that holds one array for each tile or one array of four axes for
/// all. The arrays may be of any type.
///
/// Thread: one that has the GIL.
/// Errors: Error (frame_type, frame_shape), which names the tile.
std::vector<FrameSize> tile_sizes(const pybind11::list& frames);

/// Return the name of the array at `index` in `frames` for messages.
///
/// Thread: one that has the GIL.
std::string name_of_array(const pybind11::list& frames, std::size_t index);

/// Return whether the memory of all tiles may be borrowed, which is can_borrow() of every array in `frames`.
///
/// Thread: one that has the GIL.
bool can_borrow_all(const pybind11::list& frames);

/// The arrangement of the tiles of one stream: their number, their places and, from the first frame on, their sizes.
///
/// Thread: one that has the GIL.
class TileLayout {
public:
    using Position = std::pair<std::int64_t, std::int64_t>;  ///< x and y.

    /// Arrange tiles on a canvas of this size, with their upper left corners at `positions`.
    ///
    /// Errors: Error (config, or frame_shape if the canvas is too large).
    TileLayout(std::int64_t width, std::int64_t height, const std::vector<Position>& positions);

    /// Return a view of the tiles in `frames`, which is as for tile_sizes() with arrays of uint8.
    ///
    /// Ownership: the view is valid as long as the arrays are alive.
    /// Errors: Error (frame_type, frame_shape), which names the tile.
    TiledView view_of(const pybind11::list& frames);

private:
    void check_fits(const TiledView& frame) const;
    void check_sizes(const TiledView& frame) const;

    FrameSize canvas_;
    std::vector<Tile> tiles_;            // With their places and without pixels.
    std::vector<FrameSize> tile_sizes_;  // Those of the first frame; empty before it.
};

}  // namespace gymreel

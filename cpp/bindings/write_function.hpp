#pragma once

#include "bindings/stream_handle.hpp"
#include "bindings/tile_layout.hpp"

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace gymreel {

// StreamHandle::write() and write_tiles() as functions of CPython's own kind. A method of pybind11's has to find the
// types of its arguments; from cold caches that takes as long as everything else in a write.
//
// Ownership: the function keeps the handle alive. Thread: one that has the GIL. Errors: py::error_already_set.

/// Returns `write(holder)`.
pybind11::object write_function(const std::shared_ptr<StreamHandle>& handle);

/// Returns `write_tiles(holder)` for frames of tiles on a canvas of that size. The list holds one array for each tile,
/// or one array of four axes for all. Errors: also those of TileLayout.
pybind11::object tiles_function(const std::shared_ptr<StreamHandle>& handle, std::int64_t width, std::int64_t height,
                                const std::vector<TileLayout::Position>& positions);

}  // namespace gymreel

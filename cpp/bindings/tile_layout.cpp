#include "bindings/tile_layout.hpp"

#include "bindings/numpy_frame.hpp"
#include "core/error.hpp"

#include <pybind11/numpy.h>

#include <string>

namespace py = pybind11;

namespace gymreel {
namespace {

[[noreturn]] void refuse(ErrorKind kind, const std::string& reason) { throw Error(kind, "write_tiles", reason); }

std::string name_of_tile(std::size_t index) { return "tile " + std::to_string(index); }

constexpr const char* name_of_all_tiles = "the array of all tiles";

std::string size_text_of(FrameSize size) { return std::to_string(size.height) + " x " + std::to_string(size.width); }

std::string place_text(std::int64_t x, std::int64_t y) { return "x=" + std::to_string(x) + ", y=" + std::to_string(y); }

bool has_four_axes(py::handle array) {
    return py::isinstance<py::array>(array) && py::reinterpret_borrow<py::array>(array).ndim() == 4;
}

[[noreturn]] void refuse_by_name(const std::string& name, const Error& error) {
    refuse(error.info().kind, name + ": " + error.info().reason);
}

/// Return the tiles of one array, which its first axis numbers.
std::vector<FrameView> views_along(const py::array& array) {
    if (array.shape(0) == 0) return {};
    try {
        std::vector<FrameView> views(static_cast<std::size_t>(array.shape(0)), view_of(array, 1));
        for (std::size_t i = 0; i < views.size(); ++i) views[i].data += static_cast<py::ssize_t>(i) * array.strides(0);
        return views;
    } catch (const Error& error) {
        refuse_by_name(name_of_all_tiles, error);
    }
}

std::vector<FrameView> views_of(const py::list& frames) {
    if (frames.size() == 1 && has_four_axes(frames[0]))
        return views_along(py::reinterpret_borrow<py::array>(frames[0]));
    std::vector<FrameView> views;
    views.reserve(frames.size());
    for (const py::handle frame : frames) {
        try {
            views.push_back(view_of(frame));
        } catch (const Error& error) {
            refuse_by_name(name_of_tile(views.size()), error);
        }
    }
    return views;
}

}  // namespace

std::string name_of_array(const py::list& frames, std::size_t index) {
    return frames.size() == 1 && has_four_axes(frames[0]) ? name_of_all_tiles : name_of_tile(index);
}

std::vector<FrameSize> tile_sizes(const py::list& frames) {
    std::vector<FrameSize> sizes;
    for (const FrameView& view : views_of(frames)) sizes.push_back({view.width, view.height});
    return sizes;
}

bool can_borrow_all(const py::list& frames) {
    // By index, because an iterator of Python would hold another reference to each array.
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(frames.ptr()); ++i) {
        if (!can_borrow(PyList_GET_ITEM(frames.ptr(), i))) return false;
    }
    return true;
}

TileLayout::TileLayout(std::int64_t width, std::int64_t height, const std::vector<Position>& positions) {
    if (width < 1 || height < 1 || width > largest_side || height > largest_side) {
        refuse(ErrorKind::frame_shape, "the tiles make a picture of " + std::to_string(height) + " x " +
                                           std::to_string(width) + " (height x width), but it must have from 1 to " +
                                           std::to_string(largest_side) + " rows and columns");
    }
    if (positions.empty()) refuse(ErrorKind::config, "positions is empty: a frame needs at least one tile");
    canvas_ = {static_cast<int>(width), static_cast<int>(height)};
    for (const auto& [x, y] : positions) {
        if (x < 0 || y < 0 || x >= width || y >= height || x % 2 != 0 || y % 2 != 0) {
            refuse(ErrorKind::config, "positions: " + name_of_tile(tiles_.size()) + " is at " + place_text(x, y) +
                                          ", which must be even and on the canvas of " + size_text_of(canvas_));
        }
        tiles_.push_back({{}, static_cast<int>(x), static_cast<int>(y)});
    }
}

TiledView TileLayout::view_of(const py::list& frames) {
    const std::vector<FrameView> views = views_of(frames);
    if (views.size() != tiles_.size()) {
        refuse(ErrorKind::frame_shape,
               "got " + std::to_string(views.size()) + " tiles, but the frames of this video have " +
                   std::to_string(tiles_.size()) + ": write that many, or start another writer");
    }
    TiledView frame{tiles_, canvas_.width, canvas_.height};
    for (std::size_t i = 0; i < views.size(); ++i) frame.tiles[i].view = views[i];
    if (tile_sizes_.empty()) {
        check_fits(frame);
        for (const FrameView& view : views) tile_sizes_.push_back({view.width, view.height});
    } else {
        check_sizes(frame);
    }
    return frame;
}

void TileLayout::check_fits(const TiledView& frame) const {
    for (std::size_t i = 0; i < frame.tiles.size(); ++i) {
        const auto& [view, x, y] = frame.tiles[i];
        if (x + view.width <= canvas_.width && y + view.height <= canvas_.height) continue;
        refuse(ErrorKind::frame_shape, name_of_tile(i) + " is " + size_text_of({view.width, view.height}) +
                                           " (height x width), and from " + place_text(x, y) +
                                           " on leads out of the canvas of " + size_text_of(canvas_));
    }
}

void TileLayout::check_sizes(const TiledView& frame) const {
    for (std::size_t i = 0; i < frame.tiles.size(); ++i) {
        const FrameView& view = frame.tiles[i].view;
        const FrameSize first = tile_sizes_[i];
        if (view.width == first.width && view.height == first.height) continue;
        refuse(ErrorKind::frame_shape, name_of_tile(i) + " is " + size_text_of({view.width, view.height}) +
                                           " (height x width), but in the first frame it was " + size_text_of(first) +
                                           "; tiles keep their sizes: start another writer for the new ones");
    }
}

}  // namespace gymreel

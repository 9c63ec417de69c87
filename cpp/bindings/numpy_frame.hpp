#pragma once

#include "core/pixels/frame_view.hpp"

#include <pybind11/pybind11.h>

#include <cstdint>
#include <limits>

namespace gymreel {

/// A frame has at most so many rows and columns: no codec here goes further.
constexpr int largest_side = std::numeric_limits<std::int16_t>::max();

/// Whether this is a numpy array of uint8. Thread: with the GIL.
bool is_uint8_array(pybind11::handle frame);

/// The pixels of a numpy array of uint8, any strides; the axes before `first_axis` are left at their first element.
///
/// Ownership: the view is good for as long as `frame` is alive.
/// Thread: with the GIL.
/// Errors: Error (frame_type for what is no array, frame_shape). Of an array of another type only the size is right.
FrameView view_of(pybind11::handle frame, pybind11::ssize_t first_axis = 0);

/// True where the memory may be borrowed: only the holder of one single reference can reach the pixels. The array, and
/// each array along its `.base` up to the one that owns the memory, is a plain array with one reference and no weak
/// ones, and the pixels lie within the memory of that owner. An environment that keeps its frame, or a view of it, to
/// paint into again holds a second reference. A small part of a large array is not borrowed either, as that would keep
/// all of it alive.
///
/// Thread: with the GIL.
bool can_borrow(pybind11::handle frame);

}  // namespace gymreel

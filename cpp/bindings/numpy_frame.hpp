#pragma once

#include "core/pixels/frame_view.hpp"

#include <pybind11/pybind11.h>

namespace gymreel {

/// Return whether this is a numpy array of uint8.
///
/// Thread: one that has the GIL. Errors: none.
bool is_uint8_array(pybind11::handle frame);

/// Return whether this is a numpy array of uint16 in the byte order of this machine.
///
/// Thread: one that has the GIL. Errors: none.
bool is_uint16_array(pybind11::handle frame);

/// Return a view of the pixels of a numpy array of uint16 and of the shape (height, width) or (height, width, 1), as two
/// bytes each. Ownership, thread and errors are those of view_of().
FrameView view_of_16_bits(pybind11::handle frame);

/// Return a view of the pixels of a numpy array of uint8 with any strides. Of the axes before `first_axis`, the view
/// has the first element. For an array of another type, only the size of the view is right.
///
/// Ownership: the view is valid as long as `frame` is alive.
/// Thread: one that has the GIL.
/// Errors: Error (frame_type if this is no array, frame_shape).
FrameView view_of(pybind11::handle frame, pybind11::ssize_t first_axis = 0);

/// Return whether the memory may be borrowed, because nothing but the caller can reach the pixels. The array, and each
/// array along its `.base` up to the one that owns the memory, must be a plain array with one reference and no weak
/// references, and the pixels must lie within the memory of that owner. An environment that keeps its frame, or a view
/// of it, to paint into it again has a second reference. A small part of a large array is not borrowed, because it
/// would keep the whole array alive.
///
/// Thread: one that has the GIL. Errors: none.
bool can_borrow(pybind11::handle frame);

}  // namespace gymreel

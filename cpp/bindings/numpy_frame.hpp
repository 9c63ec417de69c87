#pragma once

#include <core/frame_view.hpp>

#include <pybind11/pybind11.h>

namespace gymreel {

/// The pixels of a numpy array, any strides.
///
/// Ownership: the view is good for as long as `frame` is alive.
/// Thread: with the GIL.
/// Errors: Error (frame_type, frame_shape).
FrameView view_of(pybind11::handle frame);

/// True where the memory may be borrowed: nobody but the holder of one single reference can reach the pixels: the array and each array along its
/// `.base`, up to the one that owns the memory, are plain arrays with one reference and no weak ones. An environment
/// that keeps its frame, or a view of it, to paint into again holds a second reference. Nor is a small part of a large
/// array borrowed, which would keep all of it.
///
/// Thread: with the GIL.
bool can_borrow(pybind11::handle frame);

}  // namespace gymreel

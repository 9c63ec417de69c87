#pragma once

#include "frame_view.hpp"

#include <cstdint>

namespace gymreel {

/// A number that is another one when any pixel is another one, but for chance. Reads the frame row by row, where it is.
std::uint64_t checksum(const FrameView& frame) noexcept;

}  // namespace gymreel

#pragma once

#include "core/pixels/frame_view.hpp"

#include <cstdint>

namespace gymreel {

/// The checksum of nothing.
constexpr std::uint64_t first_checksum = 0xcbf29ce484222325;

/// A number that is another one when any pixel is another one, but for chance. Reads the frame row by row, where it is.
/// `sum` is that of the pixels before these.
std::uint64_t checksum(const FrameView& frame, std::uint64_t sum = first_checksum) noexcept;

}  // namespace gymreel

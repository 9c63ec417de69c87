#pragma once

#include "core/pixels/frame_view.hpp"

#include <cstdint>

namespace gymreel {

/// The checksum of no pixels.
constexpr std::uint64_t first_checksum = 0xcbf29ce484222325;

/// Return a hash of the pixels, read in place row by row. It detects accidental changes; it is not cryptographic.
/// `sum` is the checksum of the pixels that come before these.
std::uint64_t checksum(const FrameView& frame, std::uint64_t sum = first_checksum) noexcept;

}  // namespace gymreel

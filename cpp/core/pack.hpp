#pragma once

#include "frame_view.hpp"

#include <cstdint>

namespace gymreel {

/// Writes row `y` of `source` as packed pixels (`width * channels` bytes, channels side by side) to `destination`.
void pack_row(const FrameView& source, int y, std::uint8_t* destination) noexcept;

/// Writes the whole frame as packed rows, one after the other, and returns the view of that copy.
FrameView pack_frame(const FrameView& source, std::uint8_t* destination) noexcept;

/// The size of a packed frame in bytes.
inline std::size_t packed_size(const FrameView& frame) noexcept {
    return static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height) *
           static_cast<std::size_t>(frame.channels);
}

}  // namespace gymreel

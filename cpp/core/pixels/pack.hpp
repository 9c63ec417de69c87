#pragma once

#include "core/pixels/frame_view.hpp"

#include <cstddef>
#include <cstdint>

namespace gymreel {

/// Writes `num_rows` rows of `source` from `first_row` on as packed pixels, the first `num_channels` (1, 3 or 4) of
/// their channels side by side, to rows `stride` bytes apart.
void pack_rows(const FrameView& source, int first_row, int num_rows, int num_channels, std::uint8_t* destination,
               std::ptrdiff_t stride) noexcept;

/// How many rows to pack at a time where they are used right after: an even number. Two stay in the first-level cache.
/// Of a transposed frame, one cache line holds a pixel of each of several rows, and the more of them are used at once,
/// the better.
int rows_per_pack(const FrameView& source) noexcept;

/// Writes the whole frame as packed rows, one after the other, and returns the view of that copy.
FrameView pack_frame(const FrameView& source, std::uint8_t* destination) noexcept;

/// The size of a packed frame in bytes.
inline std::size_t packed_size(const FrameView& frame) noexcept {
    return static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height) *
           static_cast<std::size_t>(frame.channels);
}

}  // namespace gymreel

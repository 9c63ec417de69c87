#pragma once

#include "core/pixels/frame_view.hpp"

#include <cstddef>
#include <cstdint>

namespace gymreel {

/// Copy `num_rows` rows of `source`, beginning with `first_row`, as packed pixels: the first `num_channels` (1 to 4)
/// channels side by side. `stride` is the distance in bytes between two rows of the destination. A magnified source is
/// written out: each pixel several times, and each row.
void pack_rows(const FrameView& source, int first_row, int num_rows, int num_channels, std::uint8_t* destination,
               std::ptrdiff_t stride) noexcept;

/// Return how many rows to pack at a time when they are used immediately afterwards. The number is even. Two rows stay
/// in the first-level cache. In a transposed frame each cache line holds pixels of several rows, so more rows at a time
/// use more of each line. In a magnified frame they are all the rows that repeat the same ones in memory.
int rows_per_pack(const FrameView& source) noexcept;

/// Copy the whole frame, which is not magnified, without gaps, and return a view of the copy.
FrameView pack_frame(const FrameView& source, std::uint8_t* destination) noexcept;

/// Return the number of bytes of a frame without gaps.
inline std::size_t packed_size(const FrameView& frame) noexcept {
    return static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height) *
           static_cast<std::size_t>(frame.channels);
}

}  // namespace gymreel

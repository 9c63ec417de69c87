#include "pack.hpp"

#include <cstring>

namespace gymreel {

void pack_row(const FrameView& source, int y, std::uint8_t* destination) noexcept {
    const std::uint8_t* pixel = source.data + y * source.row_stride;
    if (source.channel_stride == 1 && source.pixel_stride == source.channels) {
        std::memcpy(destination, pixel, static_cast<std::size_t>(source.width) * source.channels);
        return;
    }
    for (int x = 0; x < source.width; ++x, pixel += source.pixel_stride) {
        for (int channel = 0; channel < source.channels; ++channel) {
            *destination++ = pixel[channel * source.channel_stride];
        }
    }
}

FrameView pack_frame(const FrameView& source, std::uint8_t* destination) noexcept {
    const std::ptrdiff_t row_bytes = static_cast<std::ptrdiff_t>(source.width) * source.channels;
    for (int y = 0; y < source.height; ++y) pack_row(source, y, destination + y * row_bytes);
    FrameView copy = source;
    copy.data = destination;
    copy.row_stride = row_bytes;
    copy.pixel_stride = source.channels;
    copy.channel_stride = 1;
    return copy;
}

}  // namespace gymreel

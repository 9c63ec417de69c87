#include "core/pixels/checksum.hpp"

namespace gymreel {

std::uint64_t checksum(const FrameView& frame, std::uint64_t sum) noexcept {
    // FNV-1a (Fowler, Noll and Vo), one byte at a time: this serves debugging, where simplicity matters more than
    // speed.
    constexpr std::uint64_t prime = 0x100000001b3;
    for (int y = 0; y < frame.height; ++y) {
        for (int x = 0; x < frame.width; ++x) {
            const std::uint8_t* const pixel = frame.data + y * frame.row_stride + x * frame.pixel_stride;
            for (int channel = 0; channel < frame.channels; ++channel) {
                sum = (sum ^ pixel[channel * frame.channel_stride]) * prime;
            }
        }
    }
    return sum;
}

}  // namespace gymreel

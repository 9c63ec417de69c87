#include "core/pixels/frame_pixels.hpp"

#include "core/pixels/checksum.hpp"
#include "core/pixels/pack.hpp"
#include "core/pixels/tiles.hpp"

#include <algorithm>

namespace gymreel {

int auto_scale(FrameSize size) noexcept {
    constexpr int large_enough = 320;
    constexpr int wanted = 600;
    const int side = std::max(size.width, size.height);
    if (side < 1 || side >= large_enough) return 1;
    const int step = 2 * side;
    return (wanted + step - 1) / step * 2;
}

FrameSize size_of(const FramePixels& pixels) {
    return std::visit([](const auto& frame) { return FrameSize{frame.width, frame.height}; }, pixels);
}

std::size_t packed_size(const FramePixels& pixels) {
    if (const auto* const view = std::get_if<FrameView>(&pixels)) return packed_size(*view);
    std::size_t size = 0;
    for (const Tile& tile : std::get<TiledView>(pixels).tiles) size += packed_size(tile.view);
    return size;
}

std::size_t copied_size(const FramePixels& pixels) {
    if (const auto* const view = std::get_if<FrameView>(&pixels)) return packed_size(*view);
    return canvas_bytes(std::get<TiledView>(pixels));
}

FrameView pack_frame(const FramePixels& pixels, std::uint8_t* destination) {
    if (const auto* const view = std::get_if<FrameView>(&pixels)) return pack_frame(*view, destination);
    return compose(std::get<TiledView>(pixels), destination);
}

std::uint64_t checksum(const FramePixels& pixels) {
    if (const auto* const view = std::get_if<FrameView>(&pixels)) return checksum(*view);
    std::uint64_t sum = first_checksum;
    for (const Tile& tile : std::get<TiledView>(pixels).tiles) sum = checksum(tile.view, sum);
    return sum;
}

}  // namespace gymreel

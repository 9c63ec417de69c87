#include "core/pixels/tiles.hpp"

#include "core/pixels/pack.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gymreel {
namespace {

constexpr int rgb_channels = 3;

constexpr int round_up_to_even(int size) { return size + size % 2; }

/// Return a view of the same pixels with three channels.
FrameView as_rgb(FrameView view) {
    if (view.channels == 1) view.channel_stride = 0;
    view.channels = rgb_channels;
    return view;
}

}  // namespace

std::size_t canvas_bytes(const TiledView& frame) noexcept {
    return static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height) * rgb_channels;
}

FrameView compose(const TiledView& frame, std::uint8_t* canvas) {
    const FrameSize size{frame.width, frame.height};
    const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(frame.width) * rgb_channels;
    const auto pixel = [&](int x, int y) {
        return canvas + y * stride + static_cast<std::ptrdiff_t>(x) * rgb_channels;
    };
    const auto bytes = [](int num_pixels) { return static_cast<std::size_t>(num_pixels) * rgb_channels; };
    for (const Region& gap : find_gaps(frame, size)) {
        for (int y = gap.y; y < gap.y + gap.height; ++y) std::memset(pixel(gap.x, y), 0, bytes(gap.width));
    }
    for (const Tile& tile : frame.tiles) {
        const FrameView view = as_rgb(tile.view);
        const Region region = region_of(tile, size);
        for (int row = 0; row < view.height; row += rows_per_pack(view)) {
            const int num_rows = std::min(rows_per_pack(view), view.height - row);
            pack_rows(view, row, num_rows, rgb_channels, pixel(tile.x, tile.y + row), stride);
        }
        const int end_x = tile.x + view.width;
        const int end_y = tile.y + view.height;
        if (region.width > view.width) {
            for (int y = tile.y; y < end_y; ++y) std::memcpy(pixel(end_x, y), pixel(end_x - 1, y), bytes(1));
        }
        if (region.height > view.height) {
            std::memcpy(pixel(tile.x, end_y), pixel(tile.x, end_y - 1), bytes(region.width));
        }
    }
    return {canvas, frame.width, frame.height, rgb_channels, stride, rgb_channels, 1};
}

Region region_of(const Tile& tile, FrameSize canvas) noexcept {
    return {tile.x, tile.y, std::min(round_up_to_even(tile.view.width), canvas.width - tile.x),
            std::min(round_up_to_even(tile.view.height), canvas.height - tile.y)};
}

std::vector<Region> find_gaps(const TiledView& frame, FrameSize canvas) {
    // No tile begins or ends between two neighbouring edges, so all rows of such a band have the same gaps.
    std::vector<int> edges{0, canvas.height};
    for (const Tile& tile : frame.tiles) {
        const Region region = region_of(tile, canvas);
        edges.push_back(region.y);
        edges.push_back(region.y + region.height);
    }
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());

    std::vector<Region> gaps;
    std::vector<std::pair<int, int>> spans;
    for (std::size_t band = 0; band + 1 < edges.size(); ++band) {
        const int top = edges[band];
        const int height = edges[band + 1] - top;
        spans.clear();
        for (const Tile& tile : frame.tiles) {
            const Region region = region_of(tile, canvas);
            if (region.y <= top && top < region.y + region.height)
                spans.emplace_back(region.x, region.x + region.width);
        }
        std::sort(spans.begin(), spans.end());
        int x = 0;
        for (const auto& [left, right] : spans) {
            if (left > x) gaps.push_back({x, top, left - x, height});
            x = std::max(x, right);
        }
        if (x < canvas.width) gaps.push_back({x, top, canvas.width - x, height});
    }
    return gaps;
}

}  // namespace gymreel

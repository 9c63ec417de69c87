#include "core/pixels/pack.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <numeric>
#include <vector>

namespace {

using namespace gymreel;

std::uint8_t at(const FrameView& view, int y, int x, int channel) {
    return view.data[y * view.row_stride + x * view.pixel_stride + channel * view.channel_stride];
}

void check_packing(const FrameView& source) {
    constexpr std::uint8_t guard = 0xA5;
    std::vector<std::uint8_t> packed(packed_size(source) + 1, guard);
    const FrameView copy = pack_frame(source, packed.data());
    CHECK(packed.back() == guard);
    CHECK(copy.data == packed.data());
    CHECK(copy.width == source.width);
    CHECK(copy.height == source.height);
    CHECK(copy.channels == source.channels);
    std::size_t next = 0;
    for (int y = 0; y < source.height; ++y) {
        for (int x = 0; x < source.width; ++x) {
            for (int channel = 0; channel < source.channels; ++channel) {
                REQUIRE(at(copy, y, x, channel) == at(source, y, x, channel));
                REQUIRE(packed[next++] == at(source, y, x, channel));
            }
        }
    }
}

}  // namespace

TEST_CASE("pack: every layout becomes rows of pixels of channels") {
    std::vector<std::uint8_t> bytes(4096);
    std::iota(bytes.begin(), bytes.end(), std::uint8_t{0});
    const std::uint8_t* const middle = bytes.data() + 2048;
    for (const int channels : {1, 3, 4}) {
        for (const int width : {1, 2, 7}) {
            for (const int height : {1, 3}) {
                const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(width) * channels;
                const FrameView views[] = {
                    {middle, width, height, channels, row, channels, 1},                // packed
                    {middle, width, height, channels, row + 5, channels, 1},            // padded
                    {middle, width, height, channels, -row, channels, 1},               // upside down
                    {middle, width, height, channels, row, -channels, 1},               // mirrored
                    {middle, width, height, channels, row, channels, -1},               // BGR
                    {middle, width, height, channels, channels, height * channels, 1},  // transposed
                    {middle, width, height, channels, 1, height, width * height},       // Fortran
                    {middle, width, height, channels, 0, channels, 1},                  // one row
                    {middle, width, height, channels, row, 0, 1},                       // one column
                    {middle, width, height, channels, row, channels, 0},                // grey in colour
                    {middle, width, height, channels, 0, 0, 0},                         // one byte
                };
                for (const FrameView& view : views) check_packing(view);
            }
        }
    }
}

TEST_CASE("pack: the size of a large frame does not overflow") {
    const FrameView view{nullptr, 32767, 32767, 4, 0, 0, 0};
    CHECK(packed_size(view) == std::size_t{32767} * 32767 * 4);
}

#include "core/engine/stream.hpp"
#include "core/error.hpp"
#include "core/pixels/convert_rows.hpp"
#include "core/pixels/frame_converter.hpp"
#include "core/pixels/tiles.hpp"
#include "frames.hpp"

extern "C" {
#include <libavutil/imgutils.h>
}

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <vector>

namespace {

using namespace gymreel;
using namespace gymreel::testing;
using Enqueued = Stream::Enqueued;

constexpr std::uint8_t guard = 0xA5;

/// Tiles of random sizes, places, channels and strides, and their memory.
struct RandomTiles {
    RandomTiles(unsigned seed, int width, int height, int num_tiles) : frame{{}, width, height} {
        std::minstd_rand random(seed);
        const auto between = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
        for (int i = 0; i < num_tiles; ++i) {
            const int x = between(0, (width - 1) / 2) * 2;
            const int y = between(0, (height - 1) / 2) * 2;
            FrameView view;
            view.width = between(1, width - x);
            view.height = between(1, height - y);
            view.channels = std::array{1, 3, 4}.at(static_cast<std::size_t>(between(0, 2)));
            auto& bytes = memory.emplace_back(static_cast<std::size_t>(view.width * view.height * view.channels));
            for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random() >> 8U);
            view.channel_stride = 1;
            view.pixel_stride = view.channels;
            view.row_stride = static_cast<std::ptrdiff_t>(view.width) * view.channels;
            if (between(0, 2) == 0) {  // Transposed.
                view.pixel_stride = static_cast<std::ptrdiff_t>(view.height) * view.channels;
                view.row_stride = view.channels;
            }
            view.data = bytes.data();
            if (between(0, 2) == 0) {  // Upside down.
                view.data += (view.height - 1) * view.row_stride;
                view.row_stride = -view.row_stride;
            }
            frame.tiles.push_back({view, x, y});
        }
    }

    TiledView frame;
    std::vector<std::vector<std::uint8_t>> memory;
};

/// What the tiles show, painted pixel by pixel.
std::vector<std::uint8_t> paint(const TiledView& frame) {
    std::vector<std::uint8_t> canvas(static_cast<std::size_t>(frame.width * frame.height * 3));
    for (const auto& [view, left, top] : frame.tiles) {
        for (int y = top; y < std::min(top + view.height + view.height % 2, frame.height); ++y) {
            for (int x = left; x < std::min(left + view.width + view.width % 2, frame.width); ++x) {
                const std::uint8_t* const pixel = view.data + std::min(y - top, view.height - 1) * view.row_stride +
                                                  std::min(x - left, view.width - 1) * view.pixel_stride;
                for (int channel = 0; channel < 3; ++channel) {
                    canvas[(static_cast<std::size_t>(y) * frame.width + x) * 3 + channel] =
                        pixel[view.channels == 1 ? 0 : channel * view.channel_stride];
                }
            }
        }
    }
    return canvas;
}

FrameView view_of(const std::vector<std::uint8_t>& canvas, int width, int height) {
    return {canvas.data(), width, height, 3, static_cast<std::ptrdiff_t>(width) * 3, 3, 1};
}

/// Planes with a margin on every side that nothing may touch.
struct GuardedPlanes {
    GuardedPlanes(PlanarFormat format, int width, int height) {
        image.width = width;
        image.height = height;
        const bool is_shared = format != PlanarFormat::yuv444p;
        const bool is_nv12 = format == PlanarFormat::nv12;
        const int chroma_width = is_shared ? (width + 1) / 2 * (is_nv12 ? 2 : 1) : width;
        const int chroma_height = is_shared ? (height + 1) / 2 : height;
        for (std::size_t plane = 0; plane < (is_nv12 ? 2U : 3U); ++plane) {
            const std::ptrdiff_t stride = (plane == 0 ? width : chroma_width) + 16;
            const int rows = (plane == 0 ? height : chroma_height) + 2;
            bytes.at(plane).assign(static_cast<std::size_t>(stride * rows), guard);
            image.planes.at(plane) = bytes.at(plane).data() + stride + 8;
            image.strides.at(plane) = stride;
        }
    }

    std::array<std::vector<std::uint8_t>, 3> bytes;
    PlanarImage image;
};

std::vector<std::uint8_t> bytes_of(const AVFrame& frame) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    const int size = av_image_get_buffer_size(format, frame.width, frame.height, 1);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    REQUIRE(av_image_copy_to_buffer(bytes.data(), size, frame.data, frame.linesize, format, frame.width, frame.height,
                                    1) == size);
    return bytes;
}

struct Size {
    int width, height;
};
constexpr std::array sizes{Size{2, 2}, Size{16, 8}, Size{63, 47}, Size{64, 33}, Size{130, 70}, Size{257, 20}};

/// Runs `check` on canvases without, with few and with many tiles.
template <typename Check>
void for_random_tiles(Check check) {
    unsigned seed = 1;
    for (const Size size : sizes) {
        for (const int num_tiles : {0, 1, 2, 5, 20}) {
            CAPTURE(size.width);
            CAPTURE(size.height);
            CAPTURE(num_tiles);
            check(RandomTiles(seed++, size.width, size.height, num_tiles));
        }
    }
}

MemoryBudget budget(std::size_t{1} << 30);
std::atomic<int> num_encoders{0};

void work_until_idle(Stream& stream, SpentFrames& spent) {
    for (;;) {
        const Stream::Left left = stream.run_slice({spent, num_encoders});
        if (left == Stream::Left::completion) stream.complete();
        if (left == Stream::Left::completion || left == Stream::Left::nothing) return;
    }
}

StreamConfig config_of(const std::filesystem::path& path) {
    return {lossless_config(), {path, "matroska", {}}, 1 << 20};
}

/// Two grey tiles side by side, the left one of a brightness to be told by.
struct Pair {
    explicit Pair(int brightness) : left(brightness), right(255) {}
    TiledView view() const { return {{{left.view(), 0, 0}, {right.view(), 64, 0}}, 128, 48}; }

    GreyFrame left;
    GreyFrame right;
};

constexpr std::size_t tile_bytes = 64 * 48;

}  // namespace

TEST_CASE("tiles: the gaps are what no tile fills, and each is there once") {
    for_random_tiles([](const RandomTiles& tiles) {
        const FrameSize canvas{tiles.frame.width, tiles.frame.height};
        std::vector<int> fillings(static_cast<std::size_t>(canvas.width * canvas.height));
        const auto fill = [&](const Region& region, int value) {
            for (int y = region.y; y < region.y + region.height; ++y) {
                for (int x = region.x; x < region.x + region.width; ++x) {
                    int& filling = fillings[static_cast<std::size_t>(y) * canvas.width + x];
                    filling = value == 0 ? 1 : filling + value;
                }
            }
        };
        for (const Tile& tile : tiles.frame.tiles) fill(region_of(tile, canvas), 0);
        for (const Region& gap : find_gaps(tiles.frame, canvas)) fill(gap, 1);
        CHECK(std::all_of(fillings.begin(), fillings.end(), [](int filling) { return filling == 1; }));
    });
}

TEST_CASE("tiles: a grid without gaps has none") {
    const std::vector<std::uint8_t> pixels(13 * 7);
    const FrameView view{pixels.data(), 13, 7, 1, 13, 1, 1};
    TiledView frame{{}, 28, 16};
    for (const int y : {0, 8}) {
        for (const int x : {0, 14}) frame.tiles.push_back({view, x, y});
    }
    CHECK(find_gaps(frame, {28, 16}).empty());
    frame.tiles.pop_back();
    const std::vector<Region> gaps = find_gaps(frame, {28, 16});
    REQUIRE(gaps.size() == 1);
    CHECK(gaps[0].x == 14);
    CHECK(gaps[0].y == 8);
    CHECK(gaps[0].width == 14);
    CHECK(gaps[0].height == 8);
}

TEST_CASE("tiles: the canvas shows every tile at its place, black between, and an odd size repeats its end") {
    for_random_tiles([](const RandomTiles& tiles) {
        const std::vector<std::uint8_t> expected = paint(tiles.frame);
        CHECK(copied_size(tiles.frame) == expected.size());
        std::vector<std::uint8_t> canvas(expected.size() + 1, guard);
        const FrameView view = compose(tiles.frame, canvas.data());
        CHECK(view.width == tiles.frame.width);
        CHECK(view.height == tiles.frame.height);
        CHECK(canvas.back() == guard);
        canvas.pop_back();
        CHECK(canvas == expected);
    });
}

TEST_CASE("tiles: converted one by one they give what the canvas gives, and no byte beside the planes is touched") {
    for (const PlanarFormat format : {PlanarFormat::yuv420p, PlanarFormat::yuv444p, PlanarFormat::nv12}) {
        for (const RowKernels* const kernels : {&plain_row_kernels(), &best_row_kernels()}) {
            for_random_tiles([&](const RandomTiles& tiles) {
                Converter converter(format, *kernels);
                for (const int padding : {0, 1}) {  // What the encoder adds to an odd size.
                    const int width = tiles.frame.width + padding * (tiles.frame.width % 2);
                    const int height = tiles.frame.height + padding * (tiles.frame.height % 2);
                    GuardedPlanes expected(format, width, height);
                    GuardedPlanes actual(format, width, height);
                    const std::vector<std::uint8_t> canvas = paint(tiles.frame);
                    converter.convert(view_of(canvas, tiles.frame.width, tiles.frame.height), expected.image);
                    converter.convert(tiles.frame, 1, actual.image);
                    CHECK(actual.bytes == expected.bytes);
                }
            });
        }
    }
}

TEST_CASE("tiles: every way to a pixel format gives what it gives for the canvas") {
    for (const AVPixelFormat format : {AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV444P, AV_PIX_FMT_NV12, AV_PIX_FMT_PAL8,
                                       AV_PIX_FMT_YUV422P, AV_PIX_FMT_GBRP}) {
        CAPTURE(format);
        const std::unique_ptr<FrameConverter> converter = make_frame_converter(format);
        const std::unique_ptr<FrameConverter> other = make_frame_converter(format);
        const auto new_frame = [&] {
            FramePtr frame(av_frame_alloc());
            frame->format = format;
            frame->width = 64;
            frame->height = 48;
            REQUIRE(av_frame_get_buffer(frame.get(), 0) == 0);
            return frame;
        };
        for (const unsigned seed : {1U, 2U, 3U}) {
            const RandomTiles tiles(seed, 64, 48, 4);
            const FramePtr actual = new_frame();
            const FramePtr expected = new_frame();
            const std::vector<std::uint8_t> canvas = paint(tiles.frame);
            converter->convert_tiles(tiles.frame, 1, *actual);
            other->convert(view_of(canvas, 64, 48), *expected);
            CHECK(bytes_of(*actual) == bytes_of(*expected));
        }
    }
}

TEST_CASE("tiles: a checksum covers every tile, and none beside it") {
    RandomTiles tiles(5, 64, 48, 7);
    const std::uint64_t before = checksum(tiles.frame);
    CHECK(checksum(tiles.frame) == before);
    for (std::vector<std::uint8_t>& bytes : tiles.memory) {
        bytes.back() ^= 1U;
        CHECK(checksum(tiles.frame) != before);
        bytes.back() ^= 1U;
    }
    CHECK(checksum(tiles.frame) == before);
}

TEST_CASE("tiles: a borrowed frame is one frame with one token, and takes the memory of its tiles") {
    const TemporaryFolder folder;
    Stream stream(config_of(folder / "video"), budget);
    SpentFrames spent;
    std::vector<Pair> pairs;
    std::array<int, 10> owners{};
    for (int i = 0; i < 10; ++i) pairs.emplace_back(20 * i);
    for (std::size_t i = 0; i < 10; ++i) CHECK(stream.enqueue(pairs[i].view(), &owners[i]) != Enqueued::full);
    CHECK(stream.stats().num_written == 10);
    CHECK(stream.stats().num_borrowed == 10);
    CHECK(stream.stats().pending_bytes == 10 * 2 * tile_bytes);
    stream.finish();
    work_until_idle(stream, spent);
    std::size_t num_back = 0;
    for (const PendingFrame& frame : spent.take()) CHECK(frame.owner == &owners.at(num_back++));
    CHECK(num_back == 10);
    CHECK(stream.stats().num_pending == 0);
    CHECK(stream.stats().pending_bytes == 0);
    CHECK(stream.result()->width == 128);
    CHECK(stream.result()->height == 48);
    CHECK(are_greys(decode(folder / "video"), 0, 20, 10));
}

TEST_CASE("tiles: a copied frame takes the memory of the canvas and may be painted over at once") {
    const TemporaryFolder folder;
    Stream stream(config_of(folder / "video"), budget);
    SpentFrames spent;
    for (int i = 0; i < 10; ++i) {
        const Pair pair(20 * i);
        CHECK(stream.enqueue_copy(pair.view()) != Enqueued::full);
        if (i == 4) work_until_idle(stream, spent);
    }
    CHECK(stream.stats().num_copied == 10);
    CHECK(stream.stats().pending_bytes == 5 * 3 * 2 * tile_bytes);
    stream.finish();
    work_until_idle(stream, spent);
    CHECK(spent.take().empty());
    CHECK(are_greys(decode(folder / "video"), 0, 20, 10));
}

TEST_CASE("tiles: one that changes before it is encoded fails the stream where that is checked") {
    StreamConfig config = config_of({});
    config.check_borrowed = true;
    Stream stream(config, budget);
    SpentFrames spent;
    const GreyFrame left(1);
    std::vector<std::uint8_t> right(tile_bytes);
    const TiledView frame{{{left.view(), 0, 0}, {{right.data(), 64, 48, 1, 64, 1, 1}, 64, 0}}, 128, 48};
    int owner = 0;
    stream.enqueue(frame, &owner);
    work_until_idle(stream, spent);
    CHECK(!stream.failure());
    stream.enqueue(frame, &owner);
    right.back() = 9;
    work_until_idle(stream, spent);
    CHECK(stream.failure()->reason.find("frame 1 changed") != std::string::npos);
    CHECK(spent.take().size() == 2);
}

TEST_CASE("tiles: a canvas of another size than the frames before it is refused") {
    Stream stream(config_of({}), budget);
    stream.enqueue_copy(GreyFrame(1).view());
    int owner = 0;
    CHECK_THROWS_AS(stream.enqueue(Pair(1).view(), &owner), Error);
    CHECK_THROWS_AS(stream.enqueue_copy(Pair(1).view()), Error);
    const GreyFrame same(7);
    CHECK(stream.enqueue_copy(TiledView{{{same.view(), 0, 0}}, 64, 48}) == Enqueued::waiting);
    CHECK(stream.stats().num_written == 2);
}

// Colour conversion against formulas in double precision written here anew, and every SIMD implementation against the
// plain one, to the bit. Source buffers end exactly where their pixels end and planes where their last row ends, so
// that a build with AddressSanitizer sees any byte read or written beyond them.

#include "core/pixels/convert.hpp"
#include "core/pixels/convert_rows.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace gymreel;

constexpr std::array all_formats{PlanarFormat::yuv420p, PlanarFormat::yuv444p, PlanarFormat::nv12};

std::vector<const RowKernels*> all_kernels() {
    std::vector<const RowKernels*> all = simd_row_kernels();
    all.push_back(&plain_row_kernels());
    return all;
}

/// How the pixels lie in memory. The names are those of what NumPy would show.
enum class Layout {
    packed,
    padded_rows,
    flipped,       // a[::-1], as MuJoCo returns it
    mirrored,      // a[:, ::-1]
    bgr,           // a[..., ::-1]
    rotated,       // a[::-1, ::-1, ::-1]: every step negative
    transposed,    // a.swapaxes(0, 1), as pygame's surfarray
    fortran,       // order="F"
    planar,        // a.transpose(1, 2, 0) of channels first
    one_of_four,   // a[..., :channels] of four bytes a pixel
    every_third,   // a[:, ::3]
    same_row,      // broadcast: row step 0
    same_pixel,    // pixel step 0
    same_channel,  // channel step 0 over packed pixels
    same_everything,
    count
};

/// A view and the exact span of bytes that it may touch.
struct Source {
    std::unique_ptr<std::uint8_t[]> bytes;
    FrameView view;

    std::uint8_t at(int x, int y, int channel) const {
        x = std::min(x, view.width - 1);
        y = std::min(y, view.height - 1);
        if (view.channels == 1) {
            channel = 0;
        }
        return view.data[y * view.row_stride + x * view.pixel_stride + channel * view.channel_stride];
    }
};

template <typename Fill>
Source make_source(int width, int height, int channels, Layout layout, Fill fill) {
    const std::ptrdiff_t w = width;
    const std::ptrdiff_t h = height;
    const std::ptrdiff_t c = channels;
    std::array<std::ptrdiff_t, 3> s{w * c, c, 1};  // Row, pixel, channel.
    switch (layout) {
        case Layout::packed: break;
        case Layout::padded_rows: s[0] += 13; break;
        case Layout::flipped: s[0] = -s[0]; break;
        case Layout::mirrored: s[1] = -s[1]; break;
        case Layout::bgr: s[2] = -1; break;
        case Layout::rotated: s = {-s[0], -s[1], -s[2]}; break;
        case Layout::transposed: s = {c, c * h, 1}; break;
        case Layout::fortran: s = {1, h, h * w}; break;
        case Layout::planar: s = {w, 1, h * w}; break;
        case Layout::one_of_four: s = {w * 4, 4, 1}; break;
        case Layout::every_third: s = {w * c * 3, c * 3, 1}; break;
        case Layout::same_row: s[0] = 0; break;
        case Layout::same_pixel: s[1] = 0; break;
        case Layout::same_channel: s = {w, 1, 0}; break;
        case Layout::same_everything: s = {0, 0, 0}; break;
        case Layout::count: break;
    }
    std::ptrdiff_t first = 0;
    std::ptrdiff_t last = 0;
    const std::array<std::ptrdiff_t, 3> extents{h, w, c};
    for (std::size_t axis = 0; axis < 3; ++axis) {
        first += std::min<std::ptrdiff_t>(0, (extents[axis] - 1) * s[axis]);
        last += std::max<std::ptrdiff_t>(0, (extents[axis] - 1) * s[axis]);
    }
    Source source;
    const auto num_bytes = static_cast<std::size_t>(last - first + 1);
    source.bytes = std::make_unique<std::uint8_t[]>(num_bytes);
    std::generate_n(source.bytes.get(), num_bytes, fill);
    source.view = {source.bytes.get() - first, width, height, channels, s[0], s[1], s[2]};
    return source;
}

/// Planes with guard bytes between their rows.
struct Planes {
    static constexpr std::uint8_t guard = 0xA5;

    Planes(PlanarFormat format, int width, int height, int row_gap) {
        image.width = width;
        image.height = height;
        const bool subsampled = format != PlanarFormat::yuv444p;
        const int chroma_width = subsampled ? (width + 1) / 2 : width;
        const int chroma_height = subsampled ? (height + 1) / 2 : height;
        if (format == PlanarFormat::nv12) {
            sizes = {{{width, height}, {2 * chroma_width, chroma_height}, {0, 0}}};
        } else {
            sizes = {{{width, height}, {chroma_width, chroma_height}, {chroma_width, chroma_height}}};
        }
        for (std::size_t p = 0; p < 3 && sizes[p][1] > 0; ++p) {
            const std::ptrdiff_t stride = sizes[p][0] + row_gap;
            num_bytes[p] = static_cast<std::size_t>(stride * (sizes[p][1] - 1) + sizes[p][0]);
            bytes[p] = std::make_unique<std::uint8_t[]>(num_bytes[p]);
            std::fill_n(bytes[p].get(), num_bytes[p], guard);
            image.planes[p] = bytes[p].get();
            image.strides[p] = stride;
        }
    }

    bool guards_are_whole() const {
        for (std::size_t p = 0; p < 3; ++p) {
            for (std::size_t i = 0; i < num_bytes[p]; ++i) {
                if (static_cast<int>(i % static_cast<std::size_t>(image.strides[p])) >= sizes[p][0] &&
                    bytes[p][i] != guard) {
                    return false;
                }
            }
        }
        return true;
    }

    bool operator==(const Planes& other) const {
        for (std::size_t p = 0; p < 3; ++p) {
            if (!std::equal(bytes[p].get(), bytes[p].get() + num_bytes[p], other.bytes[p].get())) {
                return false;
            }
        }
        return true;
    }

    int sample(std::size_t plane, int x, int y) const { return image.planes[plane][y * image.strides[plane] + x]; }

    PlanarImage image;
    std::array<std::array<int, 2>, 3> sizes{};  // Bytes of a row, rows.
    std::array<std::size_t, 3> num_bytes{};
    std::array<std::unique_ptr<std::uint8_t[]>, 3> bytes;
};

/// Return Y, U and V of the mean of some pixels: BT.709 in limited range, rounded once at the end.
std::array<int, 3> exact_yuv(double r, double g, double b) {
    constexpr double kr = 0.2126;
    constexpr double kb = 0.0722;
    const double y = (kr * r + (1.0 - kr - kb) * g + kb * b) / 255.0;
    const double u = (b / 255.0 - y) / (2.0 * (1.0 - kb));
    const double v = (r / 255.0 - y) / (2.0 * (1.0 - kr));
    const auto round = [](double value) { return static_cast<int>(std::lround(value)); };
    return {round(16.0 + 219.0 * y), round(128.0 + 224.0 * u), round(128.0 + 224.0 * v)};
}

int largest_error(const Source& source, const Planes& planes, PlanarFormat format) {
    int largest = 0;
    const int block = format == PlanarFormat::yuv444p ? 1 : 2;
    for (int y = 0; y < planes.image.height; ++y) {
        for (int x = 0; x < planes.image.width; ++x) {
            const auto luma = exact_yuv(source.at(x, y, 0), source.at(x, y, 1), source.at(x, y, 2));
            largest = std::max(largest, std::abs(luma[0] - planes.sample(0, x, y)));
            if (x % block != 0 || y % block != 0) {
                continue;
            }
            std::array<double, 3> mean{};
            const int num_pixels = block * block;
            for (int i = 0; i < num_pixels; ++i) {
                for (std::size_t c = 0; c < 3; ++c) {
                    const double value = source.at(x + i % block, y + i / block, static_cast<int>(c));
                    mean[c] += value / num_pixels;
                }
            }
            const auto chroma = exact_yuv(mean[0], mean[1], mean[2]);
            const bool nv12 = format == PlanarFormat::nv12;
            const int u = nv12 ? planes.sample(1, x, y / 2) : planes.sample(1, x / block, y / block);
            const int v = nv12 ? planes.sample(1, x + 1, y / 2) : planes.sample(2, x / block, y / block);
            largest = std::max({largest, std::abs(chroma[1] - u), std::abs(chroma[2] - v)});
        }
    }
    return largest;
}

/// Half uniform, half extremes, because saturated colours are where sums would overflow.
struct RandomByte {
    std::mt19937& random;
    std::uint8_t operator()() {
        const std::uint32_t bits = random();
        if ((bits & 0x100U) != 0) {
            return static_cast<std::uint8_t>(bits & 0xFFU);
        }
        return (bits & 1U) != 0 ? 255 : 0;
    }
};

Planes convert(const Source& source, PlanarFormat format, const RowKernels& kernels, int margin_x, int margin_y,
               int row_gap) {
    Planes planes(format, source.view.width + margin_x, source.view.height + margin_y, row_gap);
    Converter(format, kernels).convert(source.view, planes.image);
    return planes;
}

}  // namespace

TEST_CASE("convert: one colour at a time is within one of the exact formula, and nearly always equal") {
    Converter converter(PlanarFormat::yuv444p, plain_row_kernels());
    int largest = 0;
    std::array<int, 3> num_unequal{};
    int num_colors = 0;
    std::vector<std::uint8_t> row(768);
    const Planes planes(PlanarFormat::yuv444p, 256, 1, 0);
    const FrameView view{row.data(), 256, 1, 3, 768, 3, 1};
    for (int r = 0; r < 256; r += 5) {
        for (int g = 0; g < 256; g += 3) {
            for (int b = 0; b < 256; ++b) {
                const std::size_t i = std::size_t{3} * static_cast<std::size_t>(b);
                row[i] = static_cast<std::uint8_t>(r);
                row[i + 1] = static_cast<std::uint8_t>(g);
                row[i + 2] = static_cast<std::uint8_t>(b);
            }
            converter.convert(view, planes.image);
            for (int b = 0; b < 256; ++b, ++num_colors) {
                const auto exact = exact_yuv(r, g, b);
                for (std::size_t p = 0; p < 3; ++p) {
                    const int error = std::abs(exact[p] - planes.sample(p, b, 0));
                    largest = std::max(largest, error);
                    num_unequal[p] += error != 0;
                }
            }
        }
    }
    CHECK(largest <= 1);
    for (const int unequal : num_unequal) {
        CHECK(unequal < num_colors / 200);
    }
}

TEST_CASE("convert: the primaries have the values that tables of colour bars give") {
    struct Known {
        std::array<std::uint8_t, 3> rgb;
        std::array<int, 3> yuv;
    };
    constexpr std::array known{
        Known{{255, 0, 0}, {63, 102, 240}},
        Known{{0, 255, 0}, {173, 42, 26}},
        Known{{0, 0, 255}, {32, 240, 118}},
    };
    for (const RowKernels* kernels : all_kernels()) {
        for (const Known& k : known) {
            std::size_t next = 0;
            const Source source = make_source(2, 2, 3, Layout::packed, [&] { return k.rgb[next++ % 3]; });
            for (const PlanarFormat format : all_formats) {
                const Planes planes = convert(source, format, *kernels, 0, 0, 0);
                CHECK(planes.sample(0, 1, 1) == k.yuv[0]);
                CHECK(planes.sample(1, 0, 0) == k.yuv[1]);
                CHECK((format == PlanarFormat::nv12 ? planes.sample(1, 1, 0) : planes.sample(2, 0, 0)) == k.yuv[2]);
            }
        }
    }
}

TEST_CASE("convert: black, white and every grey are exact, whatever the layout of the source") {
    for (const RowKernels* kernels : all_kernels()) {
        for (const PlanarFormat format : all_formats) {
            for (int grey = 0; grey < 256; ++grey) {
                const int channels = grey % 2 == 0 ? 3 : 4;
                const auto fill = [&] { return static_cast<std::uint8_t>(grey); };
                const Source colors = make_source(5, 3, channels, Layout::packed, fill);
                const Source greys = make_source(5, 3, 1, Layout::packed, fill);
                const Planes planes = convert(colors, format, *kernels, 1, 1, 0);
                CHECK(planes == convert(greys, format, *kernels, 1, 1, 0));
                const double exact = 16.0 + 219.0 * grey / 255.0;
                REQUIRE(std::abs(planes.sample(0, 0, 0) - exact) <= 0.5 + 1.0 / 64.0);
                if (grey == 0 || grey == 255) {
                    REQUIRE(planes.sample(0, 5, 3) == std::lround(exact));
                }
                for (std::size_t p = 1; p < 3; ++p) {
                    for (std::size_t i = 0; i < planes.num_bytes[p]; ++i) {
                        REQUIRE(planes.bytes[p][i] == 128);
                    }
                }
            }
        }
    }
}

TEST_CASE("convert: every layout, size, margin and format is within one of the exact formula") {
    std::mt19937 random(1);
    for (int i = 0; i < 1500; ++i) {
        const auto layout = static_cast<Layout>(i % static_cast<int>(Layout::count));
        const int channels = std::array{1, 3, 4}[random() % 3];
        const int width = 1 + static_cast<int>(random() % 40);
        const int height = 1 + static_cast<int>(random() % 40);
        const int margin_x = static_cast<int>(random() % 4);
        const int margin_y = static_cast<int>(random() % 4);
        const PlanarFormat format = all_formats[random() % 3];
        const Source source = make_source(width, height, channels, layout, RandomByte{random});
        const Planes planes = convert(source, format, best_row_kernels(), margin_x, margin_y, 7);
        INFO("layout " << static_cast<int>(layout) << ", " << width << "x" << height << "x" << channels << " margin "
                       << margin_x << "," << margin_y << ", format " << static_cast<int>(format));
        REQUIRE(largest_error(source, planes, format) <= 1);
        REQUIRE(planes.guards_are_whole());
    }
}

TEST_CASE("convert: every SIMD implementation gives the bytes of the plain one") {
    const std::vector<const RowKernels*> candidates = all_kernels();
    CHECK(std::count(candidates.begin(), candidates.end(), &best_row_kernels()) == 1);
    for (const RowKernels* kernels : simd_row_kernels()) {
        INFO("kernels " << std::string(kernels->name));
        std::mt19937 random(2);
        const auto check = [&](int width, int height, int channels, Layout layout) {
            const int margin_x = static_cast<int>(random() % 3);
            const int margin_y = static_cast<int>(random() % 3);
            const int row_gap = static_cast<int>(random() % 40);
            const Source source = make_source(width, height, channels, layout, RandomByte{random});
            for (const PlanarFormat format : all_formats) {
                INFO("layout " << static_cast<int>(layout) << ", " << width << "x" << height << "x" << channels
                               << " margin " << margin_x << "," << margin_y << ", format " << static_cast<int>(format));
                const Planes planes = convert(source, format, *kernels, margin_x, margin_y, row_gap);
                const Planes plain = convert(source, format, plain_row_kernels(), margin_x, margin_y, row_gap);
                REQUIRE(planes == plain);
                REQUIRE(planes.guards_are_whole());
            }
        };
        for (int i = 0; i < 3000; ++i) {
            const int width = 1 + static_cast<int>(random() % 70);
            const int height = 1 + static_cast<int>(random() % 70);
            const int channels = std::array{1, 3, 4}[random() % 3];
            check(width, height, channels, static_cast<Layout>(random() % static_cast<unsigned>(Layout::count)));
        }
        // Every width by itself, so that each length of a row's end is met in each layout that kernels read directly.
        for (int width = 1; width <= 140; ++width) {
            check(width, 3, 1, Layout::packed);
            check(width, 3, 3, Layout::flipped);
            check(width, 3, 3, Layout::bgr);
            check(width, 3, 4, Layout::packed);
        }
        for (const int width : {600, 1920, 1921, 4099}) {
            for (const int channels : {1, 3, 4}) {
                check(width, 5, channels, Layout::padded_rows);
            }
        }
    }
}

TEST_CASE("convert: a converter that is used for frame after frame of several sizes and layouts stays right") {
    std::mt19937 random(3);
    Converter converter(PlanarFormat::yuv420p);
    for (int i = 0; i < 200; ++i) {
        const int width = 1 + static_cast<int>(random() % 90);
        const int height = 1 + static_cast<int>(random() % 90);
        const auto layout = static_cast<Layout>(i % static_cast<int>(Layout::count));
        const Source source = make_source(width, height, i % 2 == 0 ? 3 : 1, layout, RandomByte{random});
        const Planes planes(PlanarFormat::yuv420p, width, height, 3);
        converter.convert(source.view, planes.image);
        REQUIRE(planes == convert(source, PlanarFormat::yuv420p, plain_row_kernels(), 0, 0, 3));
    }
}

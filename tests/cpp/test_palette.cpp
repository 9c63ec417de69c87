#include "core/pixels/palette.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <set>
#include <vector>

namespace {

using namespace gymreel;

struct Image {
    int width;
    int height;
    std::vector<std::uint8_t> pixels;

    void add(int red, int green, int blue) {
        for (const int value : {red, green, blue}) pixels.push_back(static_cast<std::uint8_t>(value));
    }

    FrameView view() const { return {pixels.data(), width, height, 3, width * 3, 3, 1}; }
    std::uint32_t color(std::size_t pixel) const {
        const std::uint8_t* p = pixels.data() + 3 * pixel;
        return 0xFF000000U | static_cast<std::uint32_t>(p[0]) << 16U | static_cast<std::uint32_t>(p[1]) << 8U | p[2];
    }
};

/// A picture in which each of `num_colors` colours occurs.
Image make_image(int width, int height, int num_colors, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::uint32_t> colors;
    std::set<std::uint32_t> taken;
    while (static_cast<int>(colors.size()) < num_colors) {
        const std::uint32_t color = random() & 0xFFFFFFU;
        if (taken.insert(color).second) colors.push_back(color);
    }
    Image image{width, height, {}};
    for (int i = 0; i < width * height; ++i) {
        const std::uint32_t color = colors[i < num_colors ? static_cast<std::size_t>(i) : random() % colors.size()];
        for (const unsigned shift : {16U, 8U, 0U}) image.pixels.push_back(static_cast<std::uint8_t>(color >> shift));
    }
    return image;
}

struct Result {
    Palettizer::Palette palette;
    std::vector<std::uint8_t> indices;  // Without the gaps.
    bool gaps_are_whole = true;

    std::uint32_t color(std::size_t pixel) const { return palette.at(indices[pixel]); }
};

Result convert(Palettizer& palettizer, const Image& image, int gap = 5) {
    constexpr std::uint8_t guard = 0xA5;
    const int stride = image.width + gap;
    std::vector<std::uint8_t> plane(static_cast<std::size_t>(stride) * static_cast<std::size_t>(image.height), guard);
    Result result;
    result.palette = palettizer.convert(image.view(), plane.data(), stride);
    for (std::size_t i = 0; i < plane.size(); ++i) {
        if (static_cast<int>(i) % stride < image.width) {
            result.indices.push_back(plane[i]);
        } else {
            result.gaps_are_whole = result.gaps_are_whole && plane[i] == guard;
        }
    }
    return result;
}

bool is_exact(const Result& result, const Image& image) {
    for (std::size_t i = 0; i < result.indices.size(); ++i) {
        if (result.color(i) != image.color(i)) return false;
    }
    return result.indices.size() * 3 == image.pixels.size();
}

int largest_error(const Result& result, const Image& image) {
    int largest = 0;
    for (std::size_t i = 0; i < result.indices.size(); ++i) {
        for (const unsigned shift : {16U, 8U, 0U}) {
            const int got = static_cast<int>(result.color(i) >> shift & 0xFFU);
            largest = std::max(largest, std::abs(got - static_cast<int>(image.color(i) >> shift & 0xFFU)));
        }
    }
    return largest;
}

}  // namespace

TEST_CASE("palette: up to 255 colours are exact") {
    for (const int num_colors : {1, 2, 3, 16, 200, 254, 255}) {
        Palettizer palettizer;
        const Image image = make_image(31, 17, num_colors, static_cast<unsigned>(num_colors));
        const Result result = convert(palettizer, image);
        CHECK(is_exact(result, image));
        CHECK(result.gaps_are_whole);
        CHECK(std::count_if(result.palette.begin(), result.palette.end(),
                            [](std::uint32_t color) { return color >> 24U == 0xFFU; }) >= num_colors);
    }
}

TEST_CASE("palette: one entry stays transparent, and no pixel points to it") {
    for (const int num_colors : {1, 100, 255, 500}) {
        Palettizer palettizer;
        const Result result = convert(palettizer, make_image(40, 30, num_colors, 9));
        CHECK(std::any_of(result.palette.begin(), result.palette.end(),
                          [](std::uint32_t color) { return color >> 24U == 0; }));
        for (std::size_t i = 0; i < result.indices.size(); ++i) REQUIRE((result.color(i) >> 24U) == 0xFFU);
    }
}

TEST_CASE("palette: the transparent entry never moves, because GIF encoders remember where it was at first") {
    const auto transparent = [](const Palettizer::Palette& palette) {
        return std::find_if(palette.begin(), palette.end(), [](std::uint32_t color) { return color >> 24U == 0; }) -
               palette.begin();
    };
    Palettizer palettizer;
    const auto first = transparent(convert(palettizer, make_image(16, 16, 1, 1)).palette);
    for (const int num_colors : {2, 20, 255, 256, 3}) {
        const Image image = make_image(16, 16, num_colors, static_cast<unsigned>(num_colors));
        CHECK(transparent(convert(palettizer, image).palette) == first);
    }
}

TEST_CASE("palette: a frame with no new colours keeps the palette of the one before") {
    Palettizer palettizer;
    const Image image = make_image(32, 32, 60, 3);
    Image fewer = image;
    for (auto pixel = fewer.pixels.begin(); pixel != fewer.pixels.begin() + 300; pixel += 3) {
        std::copy_n(image.pixels.begin(), 3, pixel);
    }
    const Result first = convert(palettizer, image);
    const Result second = convert(palettizer, fewer);
    CHECK(first.palette == second.palette);
    CHECK(is_exact(second, fewer));
}

TEST_CASE("palette: colours of earlier frames do not crowd out those of this one") {
    Palettizer palettizer;
    for (unsigned seed = 0; seed < 20; ++seed) {
        const Image image = make_image(32, 32, 100 + static_cast<int>(seed), seed);
        REQUIRE(is_exact(convert(palettizer, image), image));
    }
}

TEST_CASE("palette: more than 255 colours are reduced to close ones, and exact frames may follow") {
    Palettizer palettizer;
    Image gradient{64, 64, {}};
    for (int y = 0; y < 64; ++y) {
        for (int x = 0; x < 64; ++x) {
            gradient.add(4 * x, 4 * y, 77);
        }
    }
    const Image few = make_image(64, 64, 30, 5);
    CHECK(largest_error(convert(palettizer, gradient), gradient) <= 16);
    CHECK(is_exact(convert(palettizer, few), few));
    CHECK(largest_error(convert(palettizer, gradient), gradient) <= 16);
}

TEST_CASE("palette: 256 colours that are far apart stay apart but for two") {
    Palettizer palettizer;
    Image image{16, 16, {}};
    for (int i = 0; i < 256; ++i) {
        image.add(i % 8 * 36, i / 8 % 8 * 36, i / 64 * 85);
    }
    const Result result = convert(palettizer, image);
    std::size_t num_exact = 0;
    for (std::size_t i = 0; i < 256; ++i) num_exact += result.color(i) == image.color(i) ? 1 : 0;
    CHECK(num_exact >= 254);
}

TEST_CASE("palette: noise does not end outside the palette") {
    Palettizer palettizer;
    const Image image = make_image(100, 80, 8000, 11);
    const Result result = convert(palettizer, image, 0);
    CHECK(result.indices.size() == 8000);
    CHECK(largest_error(result, image) <= 128);
}

TEST_CASE("palette: grey and RGBA frames, and any strides, are read as what they show") {
    const Image image = make_image(7, 5, 20, 2);
    std::vector<std::uint8_t> rgba;
    std::vector<std::uint8_t> greys;
    Image from_grey{7, 5, {}};
    for (std::size_t i = 0; i < 35; ++i) {
        rgba.insert(rgba.end(), {image.pixels[3 * i], image.pixels[3 * i + 1], image.pixels[3 * i + 2], 9});
        greys.push_back(image.pixels[3 * i]);
        from_grey.pixels.insert(from_grey.pixels.end(), 3, image.pixels[3 * i]);
    }
    std::vector<std::uint8_t> indices(35);
    Palettizer palettizer;
    const auto shown = [&](const FrameView& view) {
        Result result;
        result.palette = palettizer.convert(view, indices.data(), 7);
        result.indices = indices;
        return result;
    };
    CHECK(is_exact(shown({rgba.data(), 7, 5, 4, 28, 4, 1}), image));
    CHECK(is_exact(shown({greys.data(), 7, 5, 1, 7, 1, 1}), from_grey));
    // Upside down and mirrored, read back from the end.
    Image turned{7, 5, {}};
    for (std::size_t i = 35; i-- > 0;)
        turned.add(image.pixels[3 * i], image.pixels[3 * i + 1], image.pixels[3 * i + 2]);
    CHECK(is_exact(shown({image.pixels.data() + 3 * 34, 7, 5, 3, -21, -3, 1}), turned));
}

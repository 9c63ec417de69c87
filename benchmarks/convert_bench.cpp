// How long does one frame take from RGB to YUV? Our kernels, swscale and, as the floor, a memcpy of the frame; one
// thread.
//
//     convert_bench [--rounds N] [--json FILE]
//
// The contenders take turns in each round, in a shuffled order, so that a noisy machine disturbs all of them alike; the
// table shows medians over the rounds.

#include "core/pixels/convert.hpp"
#include "core/pixels/convert_rows.hpp"

extern "C" {
#include <libavutil/pixfmt.h>
#include <libswscale/swscale.h>
}

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace gymreel;

struct Contender {
    Contender(std::string contender_name, std::function<void()> run_once)
        : name(std::move(contender_name)), run(std::move(run_once)) {}

    std::string name;
    std::function<void()> run;
    std::vector<double> microseconds;

    double median() {
        const auto middle = microseconds.begin() + static_cast<std::ptrdiff_t>(microseconds.size() / 2);
        std::nth_element(microseconds.begin(), middle, microseconds.end());
        return *middle;
    }
};

/// A sky, a checkered floor, a few flat boxes and some noise: what simulators draw.
std::vector<std::uint8_t> draw(int width, int height, int channels) {
    std::mt19937 random(7);
    std::vector<std::uint8_t> pixels;
    pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                   static_cast<std::size_t>(channels));
    for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
            const bool is_sky = 2 * y < height;
            const bool is_dark = (x / 64 + y / 48) % 2 == 0;
            const bool is_box = (x / 160) % 3 == 1 && (y / 120) % 2 == 1;
            const int noise = static_cast<int>(random() % 5);
            const auto shade = static_cast<std::uint8_t>(y * 200 / height + noise);
            const std::uint8_t red = is_box ? 220 : is_sky ? 90 : is_dark ? 60 : shade;
            const std::uint8_t color[4] = {red, shade, static_cast<std::uint8_t>(is_sky ? 240 : noise), 255};
            pixels.insert(pixels.end(), color, color + channels);
        }
    }
    return pixels;
}

struct Planes {
    Planes(int width, int height)
        : bytes(static_cast<std::size_t>(2 * (width + 64)) * static_cast<std::size_t>(height + 1)) {
        const std::ptrdiff_t stride = std::ptrdiff_t{32} * ((width + 31) / 32);
        const std::ptrdiff_t luma_size = stride * height;
        image.planes = {bytes.data(), bytes.data() + luma_size,
                        bytes.data() + luma_size + stride / 2 * std::ptrdiff_t{(height + 1) / 2}};
        image.strides = {stride, stride / 2, stride / 2};
        image.width = width;
        image.height = height;
    }
    std::vector<std::uint8_t> bytes;
    PlanarImage image;
};

struct SwsDeleter {
    void operator()(SwsContext* context) const { sws_freeContext(context); }
};

Contender swscale(const std::string& name, int flags, const FrameView& view, const PlanarImage& image) {
    const std::shared_ptr<SwsContext> context(
        sws_getContext(view.width, view.height, AV_PIX_FMT_RGB24, image.width, image.height, AV_PIX_FMT_YUV420P, flags,
                       nullptr, nullptr, nullptr),
        SwsDeleter());
    return {name, [=] {
                const std::uint8_t* const from[4] = {view.data};
                const int from_strides[4] = {static_cast<int>(view.row_stride)};
                std::uint8_t* const to[4] = {image.planes[0], image.planes[1], image.planes[2]};
                const int to_strides[4] = {static_cast<int>(image.strides[0]), static_cast<int>(image.strides[1]),
                                           static_cast<int>(image.strides[2])};
                sws_scale(context.get(), from, from_strides, 0, view.height, to, to_strides);
            }};
}

Contender ours(const std::string& name, const RowKernels& kernels, const FrameView& view, const PlanarImage& image) {
    const auto converter = std::make_shared<Converter>(PlanarFormat::yuv420p, kernels);
    return {name, [=] { converter->convert(view, image); }};
}

void measure(std::vector<Contender>& contenders, int num_rounds) {
    using Clock = std::chrono::steady_clock;
    std::mt19937 random(7);
    std::vector<Contender*> contenders_in_turn;
    for (Contender& contender : contenders) {
        contender.run();
        contenders_in_turn.push_back(&contender);
    }
    for (int round = 0; round < num_rounds; ++round) {
        // In a new order each time: whoever follows a slow or a large one finds other caches and another clock rate.
        std::shuffle(contenders_in_turn.begin(), contenders_in_turn.end(), random);
        for (Contender* contender : contenders_in_turn) {
            // Small frames several times over: the clock itself takes tens of nanoseconds.
            int num_runs = 0;
            const auto start = Clock::now();
            std::chrono::duration<double, std::micro> elapsed{};
            do {
                contender->run();
                ++num_runs;
                elapsed = Clock::now() - start;
            } while (elapsed.count() < 200.0);
            contender->microseconds.push_back(elapsed.count() / num_runs);
        }
    }
}

struct Size {
    int width, height;
};

using JsonRows = std::vector<std::string>;

void report(const std::string& title, std::vector<Contender>& contenders, JsonRows& json) {
    std::printf("\n%s\n%-24s %12s %10s\n", title.c_str(), "", "us/frame", "x memcpy");
    double floor = 0.0;
    for (Contender& contender : contenders) {
        floor = contender.name == "memcpy" ? contender.median() : floor;
    }
    for (Contender& contender : contenders) {
        const double median = contender.median();
        std::printf("%-24s %12.2f %10.2f\n", contender.name.c_str(), median, median / floor);
        char line[256];
        std::snprintf(line, sizeof line, R"({"case": "%s", "name": "%s", "us_per_frame": %.3f})", title.c_str(),
                      contender.name.c_str(), median);
        json.emplace_back(line);
    }
}

Contender copy_of(const std::vector<std::uint8_t>& pixels, std::vector<std::uint8_t>& copy) {
    copy.resize(pixels.size());
    return {"memcpy", [&] { std::memcpy(copy.data(), pixels.data(), pixels.size()); }};
}

void compare_sizes(int num_rounds, JsonRows& json) {
    for (const Size size : {Size{84, 84}, Size{160, 210}, Size{600, 400}, Size{1920, 1080}}) {
        const std::vector<std::uint8_t> pixels = draw(size.width, size.height, 3);
        const FrameView view{pixels.data(), size.width, size.height, 3, std::ptrdiff_t{3} * size.width, 3, 1};
        const Planes planes(size.width, size.height);
        std::vector<std::uint8_t> copy;
        std::vector<Contender> contenders{
            copy_of(pixels, copy),
            swscale("swscale bicubic", SWS_BICUBIC, view, planes.image),
            swscale("swscale fast_bilinear", SWS_FAST_BILINEAR, view, planes.image),
            ours("gymreel plain", plain_row_kernels(), view, planes.image),
        };
        for (const RowKernels* kernels : simd_row_kernels()) {
            const char* const mark = kernels == &best_row_kernels() ? " (used)" : "";
            contenders.push_back(ours(std::string("gymreel ") + kernels->name + mark, *kernels, view, planes.image));
        }
        measure(contenders, num_rounds);
        report("RGB24 to yuv420p, " + std::to_string(size.width) + "x" + std::to_string(size.height), contenders, json);
    }
}

/// The same frame in other layouts, with the kernels that are used.
void compare_layouts(int num_rounds, JsonRows& json) {
    constexpr int width = 1920;
    constexpr int height = 1080;
    constexpr std::ptrdiff_t row = 3 * std::ptrdiff_t{width};
    constexpr std::ptrdiff_t rgba_row = 4 * std::ptrdiff_t{width};
    constexpr std::ptrdiff_t column = 3 * std::ptrdiff_t{height};
    constexpr std::ptrdiff_t plane = std::ptrdiff_t{width} * height;
    const std::vector<std::uint8_t> rgb = draw(width, height, 3);
    const std::vector<std::uint8_t> rgba = draw(width, height, 4);
    const std::uint8_t* const data = rgb.data();
    const Planes planes(width, height);
    const std::vector<std::pair<const char*, FrameView>> views{
        {"packed", {data, width, height, 3, row, 3, 1}},
        {"flipped rows", {data + (height - 1) * row, width, height, 3, -row, 3, 1}},
        {"BGR", {data + 2, width, height, 3, row, 3, -1}},
        {"RGBA", {rgba.data(), width, height, 4, rgba_row, 4, 1}},
        {"RGB of RGBA", {rgba.data(), width, height, 3, rgba_row, 4, 1}},
        {"grey", {data, width, height, 1, width, 1, 1}},
        {"mirrored", {data + row - 3, width, height, 3, row, -3, 1}},
        {"planar", {data, width, height, 3, width, 1, plane}},
        {"transposed", {data, width, height, 3, 3, column, 1}},
        {"Fortran", {data, width, height, 3, 1, height, plane}},
    };
    std::vector<std::uint8_t> copy;
    std::vector<Contender> contenders{copy_of(rgb, copy)};
    for (const auto& [name, view] : views) {
        contenders.push_back(ours(name, best_row_kernels(), view, planes.image));
    }
    measure(contenders, num_rounds);
    report("layouts to yuv420p, 1920x1080", contenders, json);
}

}  // namespace

int main(int argc, char** argv) {
    int num_rounds = 101;
    const char* json_path = nullptr;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (std::strcmp(argv[i], "--rounds") == 0) {
            num_rounds = std::max(1, static_cast<int>(std::strtol(argv[i + 1], nullptr, 10)));
        } else if (std::strcmp(argv[i], "--json") == 0) {
            json_path = argv[i + 1];
        }
    }
    JsonRows json;
    compare_sizes(num_rounds, json);
    compare_layouts(num_rounds, json);
    if (json_path != nullptr) {
        const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(json_path, "w"), &std::fclose);
        if (!file) {
            std::perror(json_path);
            return 1;
        }
        std::fputs("[\n", file.get());
        for (std::size_t i = 0; i < json.size(); ++i) {
            std::fprintf(file.get(), "  %s%s\n", json[i].c_str(), i + 1 < json.size() ? "," : "");
        }
        std::fputs("]\n", file.get());
    }
    return 0;
}

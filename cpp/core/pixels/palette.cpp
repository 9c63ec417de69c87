#include "core/pixels/palette.hpp"

#include "core/pixels/pack.hpp"

#include <algorithm>

namespace gymreel {
namespace {

constexpr std::uint32_t opaque = 0xFF000000U;
constexpr int histogram_bits = 5;
constexpr int num_slots = 1024;  // Four times as many as colours, so that probes stay short.

constexpr std::uint32_t make_color(std::uint32_t red, std::uint32_t green, std::uint32_t blue) {
    return opaque | red << 16U | green << 8U | blue;
}
constexpr int channel_of(std::uint32_t color, int channel) {
    return static_cast<int>(color >> (16U - 8U * static_cast<unsigned>(channel)) & 0xFFU);
}
constexpr std::size_t bin_of(std::uint32_t color) {
    std::size_t bin = 0;
    for (int channel = 0; channel < 3; ++channel) {
        bin = bin << static_cast<unsigned>(histogram_bits) |
              static_cast<std::size_t>(channel_of(color, channel) >> (8 - histogram_bits));
    }
    return bin;
}

/// The pixels of one histogram bin.
struct Bin {
    std::size_t number = 0;
    std::uint64_t count = 0;
    std::array<std::uint64_t, 3> sums{};

    int mean(int channel) const { return static_cast<int>((sums.at(channel) + count / 2) / count); }
};

/// A range of bins that will share one colour.
struct Box {
    std::vector<Bin>::iterator begin;
    std::vector<Bin>::iterator end;
    int widest_channel = 0;
    std::uint64_t weight = 0;  // Pixels times the longest side: the heaviest box gains most from a split.

    Box(std::vector<Bin>::iterator first, std::vector<Bin>::iterator last) : begin(first), end(last) {
        std::uint64_t pixels = 0;
        for (auto bin = begin; bin != end; ++bin) pixels += bin->count;
        int widest = 0;
        for (int channel = 0; channel < 3; ++channel) {
            const auto by_mean = [channel](const Bin& a, const Bin& b) { return a.mean(channel) < b.mean(channel); };
            const auto [low, high] = std::minmax_element(begin, end, by_mean);
            const int side = high->mean(channel) - low->mean(channel);
            if (side > widest) {
                widest = side;
                widest_channel = channel;
            }
        }
        weight = pixels * static_cast<std::uint64_t>(widest);
    }

    bool can_split() const { return weight > 0 && end - begin > 1; }

    /// Keep the lower half of the pixels and return the upper half.
    Box split() {
        const int channel = widest_channel;
        std::sort(begin, end, [channel](const Bin& a, const Bin& b) { return a.mean(channel) < b.mean(channel); });
        std::uint64_t pixels = 0;
        for (auto bin = begin; bin != end; ++bin) pixels += bin->count;
        auto middle = begin;
        for (std::uint64_t below = 0; middle + 1 != end && below < (pixels + 1) / 2; ++middle) below += middle->count;
        if (middle == begin) ++middle;
        const Box upper(middle, end);
        *this = Box(begin, middle);
        return upper;
    }
};

}  // namespace

Palettizer::Palettizer() : slots_(num_slots) { forget(); }

const Palettizer::Palette& Palettizer::convert(const FrameView& frame, std::uint8_t* indices, std::ptrdiff_t stride) {
    width_ = frame.width;
    pixels_.clear();
    pixels_.reserve(static_cast<std::size_t>(frame.width) * frame.height);
    std::vector<std::uint8_t> row(static_cast<std::size_t>(frame.width) * frame.channels);
    for (int y = 0; y < frame.height; ++y) {
        pack_rows(frame, y, 1, frame.channels, row.data(), 0);
        for (const std::uint8_t* pixel = row.data(); pixel != row.data() + row.size(); pixel += frame.channels) {
            pixels_.push_back(frame.channels == 1 ? make_color(pixel[0], pixel[0], pixel[0])
                                                  : make_color(pixel[0], pixel[1], pixel[2]));
        }
    }
    if (!convert_exactly(indices, stride)) {
        forget();  // Colours of earlier frames may have left no room for those of this one.
        if (!convert_exactly(indices, stride)) convert_by_median_cut(indices, stride);
    }
    return palette_;
}

bool Palettizer::convert_exactly(std::uint8_t* indices, std::ptrdiff_t stride) {
    std::uint32_t last_color = 0;
    int last_index = 0;
    int x = 0;
    for (const std::uint32_t color : pixels_) {
        if (color != last_color) {  // No pixel has the colour 0, so the first one always gets here.
            last_index = find_or_add(color);
            if (last_index < 0) return false;
            last_color = color;
        }
        indices[x] = static_cast<std::uint8_t>(last_index);
        if (++x == width_) {
            x = 0;
            indices += stride;
        }
    }
    return true;
}

int Palettizer::find_or_add(std::uint32_t color) {
    constexpr std::uint32_t golden_ratio = 2654435769U;  // Fibonacci hashing.
    std::size_t slot = color * golden_ratio >> 22U;      // The ten highest bits, one of num_slots values.
    while (slots_[slot].index >= 0 && slots_[slot].color != color) slot = (slot + 1) % num_slots;
    if (slots_[slot].index < 0) {
        if (num_colors_ == max_colors) return -1;
        slots_[slot] = {color, static_cast<std::int16_t>(num_colors_)};
        palette_.at(static_cast<std::size_t>(num_colors_)) = color;
        ++num_colors_;
    }
    return slots_[slot].index;
}

void Palettizer::forget() {
    // FFmpeg's GIF encoder remembers the first transparent entry that it finds and uses it for all frames. So that
    // entry must never get a colour, and unused entries must be opaque.
    palette_.fill(opaque);
    palette_.back() = 0;
    num_colors_ = 0;
    std::fill(slots_.begin(), slots_.end(), Slot{});
}

void Palettizer::convert_by_median_cut(std::uint8_t* indices, std::ptrdiff_t stride) {
    forget();
    std::vector<Bin> bins(std::size_t{1} << static_cast<unsigned>(3 * histogram_bits));
    for (const std::uint32_t color : pixels_) {
        Bin& bin = bins[bin_of(color)];
        bin.number = bin_of(color);
        ++bin.count;
        for (int channel = 0; channel < 3; ++channel) {
            bin.sums.at(channel) += static_cast<std::uint64_t>(channel_of(color, channel));
        }
    }
    std::vector<std::uint8_t> index_of_bin(bins.size());
    bins.erase(std::remove_if(bins.begin(), bins.end(), [](const Bin& bin) { return bin.count == 0; }), bins.end());

    std::vector<Box> boxes{Box(bins.begin(), bins.end())};
    while (boxes.size() < max_colors) {
        const auto heaviest = std::max_element(boxes.begin(), boxes.end(), [](const Box& a, const Box& b) {
            return (a.can_split() ? a.weight : 0) < (b.can_split() ? b.weight : 0);
        });
        if (!heaviest->can_split()) break;
        boxes.push_back(heaviest->split());
    }
    for (std::size_t index = 0; index < boxes.size(); ++index) {
        Bin sum;
        for (auto bin = boxes[index].begin; bin != boxes[index].end; ++bin) {
            sum.count += bin->count;
            for (int channel = 0; channel < 3; ++channel) sum.sums.at(channel) += bin->sums.at(channel);
            index_of_bin[bin->number] = static_cast<std::uint8_t>(index);
        }
        palette_.at(index) =
            make_color(static_cast<std::uint32_t>(sum.mean(0)), static_cast<std::uint32_t>(sum.mean(1)),
                       static_cast<std::uint32_t>(sum.mean(2)));
    }
    int x = 0;
    for (const std::uint32_t color : pixels_) {
        indices[x] = index_of_bin[bin_of(color)];
        if (++x == width_) {
            x = 0;
            indices += stride;
        }
    }
    // These entries are averages, so the next frame must not look for its colours among them.
    num_colors_ = max_colors;
}

}  // namespace gymreel

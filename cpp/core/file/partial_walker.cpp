#include "core/file/partial_walker.hpp"

#include <cmath>

namespace gymreel {

bool PartialWalker::add(std::int64_t time) {
    // Packets that gymreel writes take more bytes than that, for their fragments, clusters and marks alone.
    constexpr std::int64_t free_packets = 100'000;
    constexpr std::int64_t bytes_per_packet = 24;
    if (static_cast<std::int64_t>(times_.size()) >= free_packets + reader_.size() / bytes_per_packet) return false;
    times_.push_back(time);
    return true;
}

bool has_sound_nal_units(ByteReader& reader, Extent sample, int length_size) {
    std::int64_t position = sample.begin;
    while (position < sample.end) {
        if (sample.end - position <= length_size) return false;
        const auto length = static_cast<std::int64_t>(reader.number(position, length_size));
        position += length_size;
        if (length == 0 || length > sample.end - position) return false;
        position += length;
    }
    return true;
}

AVRational simplest_between(double low, double high) {
    // Expand the lower bound as a continued fraction until a whole number lies between the remainders.
    std::int64_t before_numerator = 0, before_denominator = 1, numerator = 1, denominator = 0;
    constexpr int enough = 24;
    for (int i = 0; i < enough; ++i) {
        const double whole = std::floor(low);
        const bool is_last = whole + 1 <= high || whole == low;
        const auto digit = static_cast<std::int64_t>(is_last && whole != low ? whole + 1 : whole);
        const std::int64_t next_numerator = digit * numerator + before_numerator;
        const std::int64_t next_denominator = digit * denominator + before_denominator;
        if (digit < 0 || digit > INT32_MAX || next_numerator > INT32_MAX || next_denominator > INT32_MAX) break;
        before_numerator = numerator;
        before_denominator = denominator;
        numerator = next_numerator;
        denominator = next_denominator;
        if (is_last) break;
        const double next_low = 1 / (high - whole);
        high = 1 / (low - whole);
        low = next_low;
    }
    if (denominator == 0) return {0, 1};
    return {static_cast<int>(numerator), static_cast<int>(denominator)};
}

}  // namespace gymreel

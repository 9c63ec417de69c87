// The structure of GIF is that of the GIF89a specification (CompuServe, 1990), appendix A.

#include "core/file/partial_walker.hpp"

#include <algorithm>
#include <limits>

namespace gymreel {
namespace {

/// A header with a comment or loop extension, pictures that each begin with a graphic control extension, and a trailer.
class GifWalker final : public PartialWalker {
public:
    explicit GifWalker(ByteReader& reader) : PartialWalker(reader) {}

    Step next(std::int64_t position) override {
        if (has_trailer_) return {Step::Kind::wrong, 0, "data after the trailer"};
        return position == 0 ? header() : picture(position);
    }

    const std::vector<std::uint8_t>& beginning() const override {
        static const std::vector<std::uint8_t> graphic_control{0x21, 0xF9, 4};
        return graphic_control;
    }

    bool has_header() const override { return has_header_; }

    void describe(PartialScan& scan) const override {
        scan.tick = {1, 100};
        // The delays are those of a constant frame rate, rounded to hundredths of a second.
        double shortest = 0;
        double longest = std::numeric_limits<double>::infinity();
        for (std::size_t i = 1; i < scan.times.size(); ++i) {
            const auto time = static_cast<double>(scan.times[i]);
            const double low = std::max(shortest, (time - 0.5) / static_cast<double>(i));
            const double high = std::min(longest, (time + 0.5) / static_cast<double>(i));
            if (low > high) break;
            shortest = low;
            longest = high;
        }
        constexpr double rounding = 1e-9;
        if (scan.times.size() == 1 && last_delay_ > 0) scan.frame_rate = {100, last_delay_};
        if (scan.times.size() > 1 && shortest > 0) {
            scan.frame_rate = simplest_between(100 / longest + rounding, 100 / shortest + rounding);
        }
    }

private:
    static constexpr int header_size = 13;
    static constexpr int control_size = 8;
    static constexpr int descriptor_size = 10;
    static constexpr Step cut{Step::Kind::cut, 0, ""};

    static constexpr int palette_size(std::uint8_t flags) { return (flags & 0x80) != 0 ? 3 * (2 << (flags & 7)) : 0; }

    Step header() {
        const std::uint8_t* const bytes = reader_.view(0, header_size);
        if (bytes == nullptr) return cut;
        if (!std::equal(bytes, bytes + 4, "GIF8")) return {Step::Kind::wrong, 0, "no GIF header"};
        width_ = bytes[6] | bytes[7] << 8;
        height_ = bytes[8] | bytes[9] << 8;
        std::int64_t end = header_size + palette_size(bytes[10]);
        if (end > reader_.size()) return cut;
        // Extensions for the whole file, such as the one for looping.
        while (const std::uint8_t* const label = reader_.view(end, 2)) {
            if (label[0] != 0x21 || label[1] == 0xF9) break;
            end = skip_blocks(end + 2);
            if (end < 0) return cut;
        }
        has_header_ = true;
        return {Step::Kind::header, end, ""};
    }

    Step picture(std::int64_t position) {
        if (reader_.number(position, 1) == 0x3B) {
            has_trailer_ = true;
            return {Step::Kind::header, position + 1, ""};
        }
        const std::uint8_t* const control = reader_.view(position, control_size);
        if (control == nullptr) return cut;
        if (!std::equal(beginning().begin(), beginning().end(), control) || control[7] != 0) {
            return {Step::Kind::wrong, 0, "not a picture"};
        }
        const int delay = control[4] | control[5] << 8;
        position += control_size;
        const std::uint8_t* const descriptor = reader_.view(position, descriptor_size);
        if (descriptor == nullptr) return cut;
        const auto at = [&](int offset) { return descriptor[offset] | descriptor[offset + 1] << 8; };
        const bool is_inside = at(5) > 0 && at(7) > 0 && at(1) + at(5) <= width_ && at(3) + at(7) <= height_;
        if (descriptor[0] != 0x2C || !is_inside) return {Step::Kind::wrong, 0, "not a picture"};
        position += descriptor_size + palette_size(descriptor[9]);
        const std::uint8_t* const code_size = reader_.view(position, 1);
        if (code_size == nullptr) return cut;
        if (*code_size < 1 || *code_size > 8) return {Step::Kind::wrong, 0, "a picture with impossible codes"};
        const std::int64_t end = skip_blocks(position + 1);
        if (end < 0) return cut;
        if (end == position + 2) return {Step::Kind::wrong, 0, "a picture without pixels"};
        if (!add(time_)) return {Step::Kind::wrong, 0, "more pictures than the file can hold"};
        time_ += delay;
        last_delay_ = delay;
        return {Step::Kind::packets, end, ""};
    }

    /// Return where the sub-blocks that begin at `position` end, or -1 if the file ends before.
    std::int64_t skip_blocks(std::int64_t position) {
        for (;;) {
            const std::uint8_t* const size = reader_.view(position, 1);
            if (size == nullptr) return -1;
            position += *size + 1;
            if (*size == 0) return position;
        }
    }

    int width_ = 0;
    int height_ = 0;
    bool has_header_ = false;
    bool has_trailer_ = false;
    std::int64_t time_ = 0;
    int last_delay_ = 0;
};

}  // namespace

std::unique_ptr<PartialWalker> walk_gif(ByteReader& reader) { return std::make_unique<GifWalker>(reader); }

}  // namespace gymreel

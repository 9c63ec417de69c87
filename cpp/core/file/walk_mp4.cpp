// The structure of mp4 is that of ISO/IEC 14496-12 (boxes, fragments), 14496-15 (avcC, hvcC) and the VP Codec ISO Media
// File Format Binding 1.0 (vpcC).

#include "core/file/partial_walker.hpp"

#include <algorithm>
#include <string_view>

namespace gymreel {
namespace {

constexpr std::uint32_t tag(std::string_view name) {
    std::uint32_t value = 0;
    for (const char letter : name) value = value << 8 | static_cast<std::uint8_t>(letter);
    return value;
}

struct Box {
    std::uint32_t type = 0;
    std::int64_t content = 0;
    std::int64_t end = 0;

    std::int64_t size() const noexcept { return end - content; }
};

/// `ftyp moov (moof mdat)*` with one track. Each fragment's samples are in its own mdat.
class Mp4Walker final : public PartialWalker {
public:
    explicit Mp4Walker(ByteReader& reader) : PartialWalker(reader) {}

    Step next(std::int64_t position) override {
        Box box;
        const Step::Kind kind = read_box(position, reader_.size(), box);
        if (kind == Step::Kind::cut && box.end == 0) return {kind, 0, ""};  // Not even the size of the box is there.
        if (kind == Step::Kind::wrong) return {kind, 0, "not a box"};
        if (!has_type_) {
            if (box.type != tag("ftyp") || box.size() > largest_type) return {Step::Kind::wrong, 0, "no file type"};
            has_type_ = true;
            return {kind == Step::Kind::cut ? kind : Step::Kind::header, box.end, ""};
        }
        if (!has_header_) {
            if (box.type == tag("free") || box.type == tag("wide")) {
                return {kind == Step::Kind::cut ? kind : Step::Kind::header, box.end, ""};
            }
            if (box.type != tag("moov")) return {Step::Kind::wrong, 0, "no header"};
            if (kind == Step::Kind::cut) return {kind, 0, ""};
            if (!is_sound_header(box, tag("moov"), 0) || num_tracks_ != 1 || timescale_ == 0 || track_id_ == 0) {
                return {Step::Kind::wrong, 0, "a header that gymreel does not write"};
            }
            has_header_ = true;
            return {Step::Kind::header, box.end, ""};
        }
        if (box.type == tag("mfra")) return {kind == Step::Kind::cut ? kind : Step::Kind::skip, box.end, ""};
        if (box.type != tag("moof")) return {Step::Kind::wrong, 0, "not a fragment"};
        if (kind == Step::Kind::cut) return {kind, 0, ""};
        return fragment(position, box);
    }

    const std::vector<std::uint8_t>& beginning() const override {
        static const std::vector<std::uint8_t> moof{'m', 'o', 'o', 'f'};
        return moof;
    }

    bool has_header() const override { return has_header_; }

    void describe(PartialScan& scan) const override {
        scan.pixel_format = pixel_format_;
        scan.width = width_;
        scan.height = height_;
        scan.tick = {1, static_cast<int>(timescale_)};
        std::vector<std::int64_t> sorted = scan.times;
        std::sort(sorted.begin(), sorted.end());
        std::int64_t duration = first_duration_;
        for (std::size_t i = 1; i < sorted.size(); ++i) {
            const std::int64_t gap = sorted[i] - sorted[i - 1];
            if (gap > 0 && (i == 1 || gap < duration)) duration = gap;
        }
        if (duration <= 0 || duration > INT32_MAX || timescale_ == 0) return;
        av_reduce(&scan.frame_rate.num, &scan.frame_rate.den, timescale_, duration, INT32_MAX);
    }

private:
    static constexpr std::int64_t box_header_size = 8;
    static constexpr std::int64_t largest_type = 1024;
    static constexpr int deepest = 8;

    std::uint32_t number(std::int64_t position, int count = 4) {
        return static_cast<std::uint32_t>(reader_.number(position, count));
    }

    /// Read a box that must end before `limit`, the end of the file or of the enclosing box.
    Step::Kind read_box(std::int64_t position, std::int64_t limit, Box& box) {
        if (limit - position < box_header_size) return Step::Kind::cut;
        const std::int64_t size = number(position);
        box = {number(position + 4), position + box_header_size, position + size};
        if (size < box_header_size) return Step::Kind::wrong;
        return box.end > limit ? Step::Kind::cut : Step::Kind::header;
    }

    /// Call `visit(box)` for each box up to `end`. Return false if a visit does, or if a box is malformed.
    template <typename Visit>
    bool each_box(std::int64_t position, std::int64_t end, Visit visit) {
        while (position < end) {
            Box box;
            if (read_box(position, end, box) != Step::Kind::header || !visit(box)) return false;
            position = box.end;
        }
        return true;
    }

    /// Return whether a box holds only what the header of a growing file holds, which has no index. Keeps the values
    /// that are needed later.
    bool is_sound_header(const Box& box, std::uint32_t parent, int depth) {
        if (depth > deepest) return false;
        const auto has_only = [&](std::int64_t content, std::initializer_list<std::string_view> types) {
            return each_box(content, box.end, [&](const Box& child) {
                const bool is_known = std::any_of(types.begin(), types.end(),
                                                  [&](std::string_view type) { return child.type == tag(type); });
                return is_known && is_sound_header(child, box.type, depth + 1);
            });
        };
        switch (box.type) {
            case tag("moov"): return has_only(box.content, {"mvhd", "trak", "mvex", "udta", "meta"});
            case tag("trak"): ++num_tracks_; return has_only(box.content, {"tkhd", "mdia"});
            case tag("mdia"): return has_only(box.content, {"mdhd", "hdlr", "minf"});
            case tag("minf"): return has_only(box.content, {"vmhd", "hdlr", "dinf", "stbl"});
            case tag("dinf"): return has_only(box.content, {"dref"});
            case tag("stbl"): return has_only(box.content, {"stsd", "stts", "stsc", "stsz", "stco"});
            case tag("mvex"): return has_only(box.content, {"mehd", "trex"});
            case tag("udta"): return is_sound_metadata(box);
            case tag("meta"): return is_sound_metadata(box);
            case tag("stts"):
            case tag("stsc"):
            case tag("stco"): return box.size() == 8 && number(box.content + 4) == 0;
            case tag("stsz"): return box.size() == 12 && number(box.content + 8) == 0;
            case tag("tkhd"): return is_sound_track(box);
            case tag("mdhd"): return is_sound_timescale(box);
            case tag("hdlr"): {
                if (box.size() < 12) return false;
                return parent != tag("mdia") || number(box.content + 8) == tag("vide");
            }
            case tag("stsd"): return is_sound_description(box);
            default: return true;  // Its content is not needed.
        }
    }

    /// Return whether a box holds only metadata: text entries, or lists of keys and values.
    bool is_sound_metadata(const Box& box) {
        std::int64_t content = box.content;
        // In mp4 this box begins with a version, in mov it does not.
        if (box.type == tag("meta") && box.size() >= 12 && number(content + 4) != tag("hdlr")) content += 4;
        return each_box(content, box.end, [&](const Box& child) {
            if (child.type == tag("meta") && box.type == tag("udta")) return is_sound_metadata(child);
            if (child.type == tag("ilst") && box.type == tag("meta")) return is_sound_list(child);
            const bool is_text = child.type >> 24 == 0xA9;
            return is_text || (box.type == tag("meta") && (child.type == tag("hdlr") || child.type == tag("keys")));
        });
    }

    bool is_sound_list(const Box& list) {
        return each_box(list.content, list.end, [&](const Box& item) {
            const bool is_known = item.type < 0x10000 || item.type >> 24 == 0xA9;
            return is_known && each_box(item.content, item.end, [&](const Box& value) {
                       return value.type == tag("data") && value.size() >= 8;
                   });
        });
    }

    bool is_sound_track(const Box& box) {
        const int version = box.size() >= 24 ? static_cast<int>(number(box.content, 1)) : 2;
        if (version > 1) return false;
        track_id_ = number(box.content + (version == 1 ? 20 : 12));
        return true;
    }

    bool is_sound_timescale(const Box& box) {
        const int version = box.size() >= 24 ? static_cast<int>(number(box.content, 1)) : 2;
        if (version > 1) return false;
        timescale_ = number(box.content + (version == 1 ? 20 : 12));
        return timescale_ > 0 && timescale_ <= INT32_MAX;
    }

    /// Return whether there is one sample description that FFmpeg can read. Keeps the size of NAL unit lengths and the
    /// pixel format.
    bool is_sound_description(const Box& box) {
        constexpr std::int64_t fields_size = 78;  // Of a VisualSampleEntry.
        Box entry;
        if (box.size() < 8 || number(box.content + 4) != 1) return false;
        if (read_box(box.content + 8, box.end, entry) != Step::Kind::header || entry.end != box.end) return false;
        if (entry.size() < fields_size) return false;
        width_ = static_cast<int>(number(entry.content + 24, 2));
        height_ = static_cast<int>(number(entry.content + 26, 2));
        std::int64_t end = entry.end;
        if (end - entry.content - fields_size >= 4 && number(end - 4) == 0) end -= 4;  // QuickTime's terminator.
        return each_box(entry.content + fields_size, end, [&](const Box& child) {
            if (child.type == tag("avcC") && child.size() > 4) nal_length_size_ = number(child.content + 4, 1) % 4 + 1;
            if (child.type == tag("hvcC") && child.size() > 21)
                nal_length_size_ = number(child.content + 21, 1) % 4 + 1;
            if (child.type == tag("vpcC") && child.size() > 9) pixel_format_ = pixel_format_of(child);
            return child.type != tag("cmov") && child.type != tag("sinf") && child.type != tag("wave");
        });
    }

    AVPixelFormat pixel_format_of(const Box& vpcc) {
        const std::uint32_t depth_and_chroma = number(vpcc.content + 6, 1);
        const std::uint32_t matrix = number(vpcc.content + 9, 1);
        if (depth_and_chroma >> 4 != 8) return AV_PIX_FMT_NONE;
        switch (depth_and_chroma >> 1 & 7) {
            case 0:
            case 1: return AV_PIX_FMT_YUV420P;
            case 2: return AV_PIX_FMT_YUV422P;
            case 3: return matrix == AVCOL_SPC_RGB ? AV_PIX_FMT_GBRP : AV_PIX_FMT_YUV444P;
            default: return AV_PIX_FMT_NONE;
        }
    }

    Step fragment(std::int64_t begin, const Box& moof) {
        Box data;
        const Step::Kind kind = read_box(moof.end, reader_.size(), data);
        const char* const problem = read_fragment(begin, moof, data, kind == Step::Kind::cut);
        if (problem != nullptr) return {Step::Kind::wrong, 0, problem};
        if (kind == Step::Kind::cut) return {kind, 0, ""};
        return {Step::Kind::packets, data.end, ""};
    }

    /// Read a fragment. Return null, or what is wrong.
    const char* read_fragment(std::int64_t begin, const Box& moof, const Box& data, bool is_cut) {
        Box number_box, track, run, time, samples;
        const bool has_both = read_box(moof.content, moof.end, number_box) == Step::Kind::header &&
                              read_box(number_box.end, moof.end, track) == Step::Kind::header && track.end == moof.end;
        if (!has_both || number_box.type != tag("mfhd") || number_box.size() != 8 || track.type != tag("traf")) {
            return "a fragment that gymreel does not write";
        }
        if (number(number_box.content + 4) != ++num_fragments_) return "a fragment out of order";
        const bool is_known = each_box(track.content, track.end, [&](const Box& child) {
            Box* const kept = child.type == tag("tfhd")   ? &run
                              : child.type == tag("tfdt") ? &time
                              : child.type == tag("trun") ? &samples
                                                          : nullptr;
            if (kept == nullptr || kept->end != 0) return false;
            *kept = child;
            return true;
        });
        if (!is_known || samples.end == 0 || time.end == 0 || run.end == 0) {
            return "a fragment that gymreel does not write";
        }
        // If the header of the data is cut off, nothing is known about the data.
        if (data.end != 0 && data.type != tag("mdat")) return "a fragment without its data";
        return read_samples(begin, moof, run, time, samples, is_cut, data);
    }

    const char* read_samples(std::int64_t begin, const Box& moof, const Box& defaults, const Box& time,
                             const Box& samples, bool is_cut, const Box& data) {
        constexpr std::uint32_t base_is_fragment = 0x20000;
        constexpr const char* unknown = "a fragment that gymreel does not write";
        if (defaults.size() < 8 || time.size() < 8 || samples.size() < 12) return unknown;
        const std::uint32_t default_flags = number(defaults.content) & 0xFFFFFF;
        if ((default_flags & base_is_fragment) == 0 || (default_flags & 0x1) != 0) return unknown;
        if (number(defaults.content + 4) != track_id_) return "a fragment of another track";
        std::int64_t at = defaults.content + 8 + ((default_flags & 0x2) != 0 ? 4 : 0);
        const auto take = [&](std::uint32_t flag) -> std::int64_t {
            if ((default_flags & flag) == 0) return 0;
            at += 4;
            return at <= defaults.end ? number(at - 4) : 0;
        };
        const std::int64_t default_duration = take(0x8);
        const std::int64_t default_size = take(0x10);

        const bool is_long = number(time.content, 1) == 1;
        if (time.size() != (is_long ? 12 : 8)) return unknown;
        std::uint64_t decoding_time = reader_.number(time.content + 4, is_long ? 8 : 4);
        constexpr std::uint64_t latest = std::uint64_t{1} << 60;
        if (decoding_time > latest || static_cast<std::int64_t>(decoding_time) <= last_decoding_time_) {
            return "a fragment at a wrong time";
        }

        const bool is_signed = number(samples.content, 1) == 1;
        const std::uint32_t flags = number(samples.content) & 0xFFFFFF;
        const std::int64_t count = number(samples.content + 4);
        const int stride = 4 * (((flags >> 8) & 1) + ((flags >> 9) & 1) + ((flags >> 10) & 1) + ((flags >> 11) & 1));
        const std::int64_t table = samples.content + 12 + ((flags & 0x4) != 0 ? 4 : 0);
        constexpr std::int64_t most_in_fragment = 1 << 16;  // Far more than a quarter of a second holds.
        if ((flags & 0x1) == 0 || count == 0 || count > most_in_fragment || samples.end - table != count * stride)
            return unknown;
        if (number(samples.content + 8) != moof.end - begin + box_header_size)
            return "a fragment that points to other data";
        std::int64_t position = moof.end + box_header_size;
        for (std::int64_t i = 0; i < count; ++i) {
            std::int64_t field = table + i * stride;
            const auto take_field = [&](std::uint32_t flag, std::int64_t otherwise) -> std::int64_t {
                if ((flags & flag) == 0) return otherwise;
                field += 4;
                return number(field - 4);
            };
            const std::int64_t duration = take_field(0x100, default_duration);
            const std::int64_t size = take_field(0x200, default_size);
            take_field(0x400, 0);
            const auto offset = static_cast<std::uint32_t>(take_field(0x800, 0));
            if (size == 0 || duration == 0) return "an empty frame";
            if (first_duration_ == 0) first_duration_ = duration;
            const Extent sample{position, position + size};
            position = sample.end;
            if (data.end != 0 && sample.end > data.end) return "a fragment that is longer than its data";
            if (!is_cut) {
                if (nal_length_size_ > 0 && !has_sound_nal_units(reader_, sample, static_cast<int>(nal_length_size_))) {
                    return "a frame whose NAL units do not fill it";
                }
                const std::int64_t shift = is_signed ? static_cast<std::int32_t>(offset) : std::int64_t{offset};
                if (!add(static_cast<std::int64_t>(decoding_time) + shift)) return "more frames than the file can hold";
            }
            last_decoding_time_ = static_cast<std::int64_t>(decoding_time);
            decoding_time += static_cast<std::uint64_t>(duration);
        }
        if (data.end != 0 && position != data.end) return "a fragment that is shorter than its data";
        return nullptr;
    }

    bool has_type_ = false;
    bool has_header_ = false;
    int num_tracks_ = 0;
    std::uint32_t track_id_ = 0;
    std::uint32_t timescale_ = 0;
    std::uint32_t nal_length_size_ = 0;
    AVPixelFormat pixel_format_ = AV_PIX_FMT_NONE;
    int width_ = 0;
    int height_ = 0;
    std::uint32_t num_fragments_ = 0;
    std::int64_t first_duration_ = 0;
    std::int64_t last_decoding_time_ = -1;
};

}  // namespace

std::unique_ptr<PartialWalker> walk_mp4(ByteReader& reader) { return std::make_unique<Mp4Walker>(reader); }

}  // namespace gymreel

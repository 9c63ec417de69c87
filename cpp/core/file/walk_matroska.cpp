// The structure of Matroska is that of RFC 8794 (EBML) and RFC 9559 (Matroska).

#include "core/file/partial_walker.hpp"

extern "C" {
#include <libavutil/crc.h>
#include <libavutil/mathematics.h>
}

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace gymreel {
namespace {

enum Id : std::uint32_t {
    ebml = 0x1A45DFA3,
    segment = 0x18538067,
    seek_head = 0x114D9B74,
    info = 0x1549A966,
    timestamp_scale = 0x2AD7B1,
    tracks = 0x1654AE6B,
    track_entry = 0xAE,
    track_type = 0x83,
    codec_id = 0x86,
    codec_private = 0x63A2,
    default_duration = 0x23E383,
    content_encodings = 0x6D80,
    tags = 0x1254C367,
    cues = 0x1C53BB6B,
    cluster = 0x1F43B675,
    timestamp = 0xE7,
    previous_size = 0xAB,
    simple_block = 0xA3,
    block_group = 0xA0,
    block = 0xA1,
    block_duration = 0x9B,
    reference_block = 0xFB,
    block_additions = 0x75A1,
    void_element = 0xEC,
    crc_32 = 0xBF
};

struct Element {
    std::uint32_t id = 0;
    std::int64_t begin = 0;
    std::int64_t content = 0;
    std::int64_t end = 0;
    bool has_size = true;

    std::int64_t size() const noexcept { return end - content; }
};

/// EBML header, Segment, Info, one track, tags, and clusters of blocks without lacing.
class MatroskaWalker final : public PartialWalker {
public:
    explicit MatroskaWalker(ByteReader& reader) : PartialWalker(reader) {}

    Step next(std::int64_t position) override {
        constexpr std::int64_t largest_ebml = 1024;
        Element element;
        const Step::Kind kind = read_element(position, reader_.size(), element);
        const bool is_cut = kind == Step::Kind::cut;
        const auto as = [&](Step::Kind whole) { return Step{is_cut ? kind : whole, element.end, ""}; };
        const auto is_wrong = [&](const char* what) { return Step{Step::Kind::wrong, 0, what}; };
        if (kind == Step::Kind::wrong) return is_wrong("not an element");
        if (position == 0) {
            const bool is_header = element.id == ebml && element.size() <= largest_ebml;
            return is_header || (is_cut && element.id == 0) ? as(Step::Kind::header) : is_wrong("no EBML header");
        }
        if (!has_segment_) {
            if (element.id != segment && element.id != 0) return is_wrong("no segment");
            has_segment_ = element.id == segment;
            return {has_segment_ ? Step::Kind::header : Step::Kind::cut, element.content, ""};
        }
        if (!element.has_size) return is_wrong("an element without a size");
        const bool is_early = num_clusters_ == 0 && !has_index_;
        switch (element.id) {
            case 0: return {Step::Kind::cut, 0, ""};
            case seek_head:
            case void_element: return is_early ? as(Step::Kind::skip) : is_wrong("not a cluster");
            case info:
            case tracks: {
                if (!is_early) return is_wrong("a second header");
                if (!is_cut && (!has_sound_crc(element) || !is_sound_header(element))) {
                    return is_wrong("a header that gymreel does not write");
                }
                return as(Step::Kind::header);
            }
            case tags: return is_cut || has_sound_crc(element) ? as(Step::Kind::header) : is_wrong("damaged tags");
            case cues: has_index_ = true; return as(Step::Kind::skip);
            case cluster: break;
            default: return is_wrong("not a cluster");
        }
        if (!has_header() || has_index_) return is_wrong("a cluster in the wrong place");
        ++num_clusters_;
        if (is_cut) return as(kind);
        const char* const problem = read_cluster(element);
        return problem != nullptr ? is_wrong(problem) : as(Step::Kind::packets);
    }

    const std::vector<std::uint8_t>& beginning() const override {
        static const std::vector<std::uint8_t> id{0x1F, 0x43, 0xB6, 0x75};
        return id;
    }

    bool has_header() const override { return has_info_ && num_tracks_ == 1; }

    void describe(PartialScan& scan) const override {
        scan.tick = {1, 1000};
        scan.has_reordering = !is_in_order_;
        if (frame_nanoseconds_ == 0) return;
        // The duration is rounded to nanoseconds.
        constexpr double second = 1e9;
        const auto duration = static_cast<double>(frame_nanoseconds_);
        scan.frame_rate = simplest_between(second / (duration + 0.5), second / (duration - 0.5));
    }

private:
    /// Read an element that must end before `limit`. If even its beginning is cut off, its `id` is 0.
    Step::Kind read_element(std::int64_t position, std::int64_t limit, Element& element) {
        element = {};
        element.begin = position;
        const std::uint32_t first = position < limit ? static_cast<std::uint32_t>(reader_.number(position, 1)) : 0;
        const int id_size = length_of(first);
        if (position < limit && id_size > 4) return Step::Kind::wrong;
        if (position + id_size >= limit) return Step::Kind::cut;
        const int size_size = length_of(static_cast<std::uint32_t>(reader_.number(position + id_size, 1)));
        if (size_size > 8) return Step::Kind::wrong;
        element.content = position + id_size + size_size;
        if (element.content > limit) return Step::Kind::cut;
        element.id = static_cast<std::uint32_t>(reader_.number(position, id_size));
        const std::uint64_t mask = (std::uint64_t{1} << (7 * size_size)) - 1;
        const std::uint64_t size = reader_.number(position + id_size, size_size) & mask;
        element.has_size = size != mask;
        element.end = element.content + static_cast<std::int64_t>(element.has_size ? size : 0);
        return element.end > limit ? Step::Kind::cut : Step::Kind::header;
    }

    /// Return the number of bytes of a variable-length number, given its first byte; 9 if no length is valid.
    static int length_of(std::uint32_t first) {
        int length = 1;
        for (std::uint32_t bit = 0x80; bit != 0 && (first & bit) == 0; bit >>= 1) ++length;
        return length;
    }

    /// Call `visit(element)` for each child. Return false if a visit does, or if a child is malformed.
    template <typename Visit>
    bool each_child(const Element& parent, Visit visit) {
        for (std::int64_t position = parent.content; position < parent.end;) {
            Element child;
            const bool is_whole = read_element(position, parent.end, child) == Step::Kind::header && child.has_size;
            if (!is_whole || !visit(child)) return false;
            position = child.end;
        }
        return true;
    }

    std::uint64_t value_of(const Element& element) {
        return element.size() <= 8 ? reader_.number(element.content, static_cast<int>(element.size())) : 0;
    }

    /// Return whether the checksum is right. True if there is none, as in WebM.
    bool has_sound_crc(const Element& parent) {
        Element first;
        if (read_element(parent.content, parent.end, first) != Step::Kind::header || first.id != crc_32) return true;
        if (first.size() != 4) return false;
        std::uint32_t expected = 0;
        for (int i = 3; i >= 0; --i)
            expected = expected << 8 | static_cast<std::uint32_t>(reader_.number(first.content + i, 1));
        std::uint32_t sum = UINT32_MAX;
        for (std::int64_t position = first.end; position < parent.end;) {
            const auto count =
                static_cast<int>(std::min<std::int64_t>(ByteReader::largest_view, parent.end - position));
            sum = av_crc(av_crc_get_table(AV_CRC_32_IEEE_LE), sum, reader_.view(position, count),
                         static_cast<std::size_t>(count));
            position += count;
        }
        return (sum ^ UINT32_MAX) == expected;
    }

    bool is_sound_header(const Element& header) {
        if (header.id == info) {
            if (std::exchange(has_info_, true)) return false;
            return each_child(header, [&](const Element& child) {
                return child.id != timestamp_scale || value_of(child) == millisecond;
            });
        }
        if (num_tracks_ > 0) return false;
        return each_child(header, [&](const Element& child) {
            if (child.id == crc_32 || child.id == void_element) return true;
            return child.id == track_entry && ++num_tracks_ == 1 && is_sound_track(child);
        });
    }

    bool is_sound_track(const Element& track) {
        constexpr std::uint64_t video = 1;
        bool is_video = false;
        bool has_nal_units = false;
        Element private_data;
        const bool is_sound = each_child(track, [&](const Element& child) {
            switch (child.id) {
                case track_type: is_video = value_of(child) == video; break;
                case codec_id: has_nal_units = has_nal_units_in(child); break;
                case codec_private: private_data = child; break;
                case default_duration: frame_nanoseconds_ = value_of(child); break;
                case content_encodings: return false;  // Compressed or encrypted.
                default: break;
            }
            return true;
        });
        if (has_nal_units && private_data.size() > 22) {
            const int offset = is_hevc_ ? 21 : 4;
            nal_length_size_ = static_cast<int>(reader_.number(private_data.content + offset, 1) % 4 + 1);
        }
        return is_sound && is_video;
    }

    bool has_nal_units_in(const Element& codec) {
        constexpr std::string_view avc = "V_MPEG4/ISO/AVC";
        constexpr std::string_view hevc = "V_MPEGH/ISO/HEVC";
        const auto is = [&](std::string_view name) {
            const auto length = static_cast<int>(name.size());
            return codec.size() == length && std::equal(name.begin(), name.end(), reader_.view(codec.content, length));
        };
        is_hevc_ = is(hevc);
        is_in_order_ = is("V_VP8") || is("V_VP9") || is("V_AV1") || is("V_FFV1");
        return is_hevc_ || is(avc);
    }

    /// Read a cluster. Return null, or what is wrong.
    const char* read_cluster(const Element& parent) {
        if (!has_sound_crc(parent)) return "a cluster with a wrong checksum";
        const char* problem = nullptr;
        bool has_time = false;
        const bool is_sound = each_child(parent, [&](const Element& child) {
            switch (child.id) {
                case timestamp: {
                    constexpr std::uint64_t latest = std::uint64_t{1} << 50;
                    const std::uint64_t time = value_of(child);
                    if (std::exchange(has_time, true) || time > latest) return false;
                    // With reordering, a cluster can begin earlier than the latest picture of the one before.
                    constexpr std::int64_t longest_reordering = 16;  // As H.264 and HEVC limit it.
                    const auto frame_milliseconds = static_cast<std::int64_t>(frame_nanoseconds_ / millisecond) + 1;
                    const std::int64_t earliest = cluster_time_ - longest_reordering * frame_milliseconds;
                    if (static_cast<std::int64_t>(time) < earliest) return false;
                    cluster_time_ = static_cast<std::int64_t>(time);
                    return true;
                }
                case previous_size:
                case void_element:
                case crc_32: return true;
                case simple_block: problem = has_time ? read_block(child) : "a block without a time"; break;
                case block_group: problem = has_time ? read_group(child) : "a block without a time"; break;
                default: return false;
            }
            return problem == nullptr;
        });
        return problem != nullptr || is_sound ? problem : "a cluster that gymreel does not write";
    }

    const char* read_group(const Element& group) {
        const char* problem = nullptr;
        int num_blocks = 0;
        const bool is_sound = each_child(group, [&](const Element& child) {
            if (child.id == block) {
                ++num_blocks;
                problem = read_block(child);
                return problem == nullptr;
            }
            return child.id == block_duration || child.id == reference_block || child.id == block_additions;
        });
        if (problem != nullptr) return problem;
        return is_sound && num_blocks == 1 ? nullptr : "a block that gymreel does not write";
    }

    const char* read_block(const Element& element) {
        constexpr std::int64_t header_size = 4;
        constexpr std::uint64_t lacing = 0x06;
        constexpr std::uint64_t first_track = 0x81;
        if (element.size() <= header_size) return "an empty frame";
        if (reader_.number(element.content, 1) != first_track) return "a block of another track";
        if ((reader_.number(element.content + 3, 1) & lacing) != 0) return "a block with lacing";
        const auto offset = static_cast<std::int16_t>(reader_.number(element.content + 1, 2));
        const Extent frame{element.content + header_size, element.end};
        if (nal_length_size_ > 0 && !has_sound_nal_units(reader_, frame, nal_length_size_)) {
            return "a frame whose NAL units do not fill it";
        }
        if (times().empty() && cluster_time_ + offset != 0) return "a first frame whose time is not 0";
        return add(cluster_time_ + offset) ? nullptr : "more frames than the file can hold";
    }

    static constexpr std::uint64_t millisecond = 1'000'000;  // In nanoseconds.

    bool has_segment_ = false;
    bool has_info_ = false;
    bool has_index_ = false;
    bool is_hevc_ = false;
    bool is_in_order_ = false;
    int num_tracks_ = 0;
    int nal_length_size_ = 0;
    std::int64_t num_clusters_ = 0;
    std::int64_t cluster_time_ = 0;
    std::uint64_t frame_nanoseconds_ = 0;
};

}  // namespace

std::unique_ptr<PartialWalker> walk_matroska(ByteReader& reader) { return std::make_unique<MatroskaWalker>(reader); }

}  // namespace gymreel

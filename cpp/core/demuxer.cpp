#include "demuxer.hpp"

#include "av_error.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <string_view>

namespace gymreel {
namespace {

const char* demuxer_name(const std::string& muxer) {
    if (Muxer::is_mp4(muxer)) return "mov";
    return muxer == "webm" ? "matroska" : muxer.c_str();
}

InputContextPtr open_input(AVIOContext* io, const std::string& muxer) {
    AVFormatContext* context = avformat_alloc_context();
    if (context == nullptr) throw std::bad_alloc();
    context->pb = io;
    // A packet that is cut off is none. Without IGNIDX mov reads the index of every fragment before anything else, and
    // gives up where the last is cut off.
    context->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_DISCARD_CORRUPT | AVFMT_FLAG_IGNIDX;
    // avformat_open_input frees the context when it fails.
    check(avformat_open_input(&context, "", av_find_input_format(demuxer_name(muxer)), nullptr),
          "read the partial file", ErrorKind::output);
    InputContextPtr input(context);
    if (context->nb_streams == 0) throw Error(ErrorKind::output, "read the partial file", "it holds no video");
    return input;
}

/// Whether a packet holds a picture to its end (GIF89a specification, section 20 and appendix A). FFmpeg takes the end
/// of a file that is cut off for that of the picture.
bool is_whole_gif(const AVPacket& packet) noexcept {
    constexpr int header_size = 13;
    constexpr int descriptor_size = 10;
    int position = 0;
    const auto at = [&](int offset) { return offset < packet.size ? packet.data[offset] : std::uint8_t{0}; };
    const auto skip_palette = [&](std::uint8_t flags) {
        if ((flags & 0x80) != 0) position += 3 * (2 << (flags & 7));
    };
    const auto skip_blocks = [&] {
        for (; position < packet.size && packet.data[position] != 0; position += packet.data[position] + 1) {
        }
        return position++ < packet.size;
    };
    if (packet.size >= header_size && packet.data[0] == 'G') {
        position = header_size;
        skip_palette(at(10));
    }
    while (position < packet.size) {
        switch (packet.data[position]) {
            case '!':
                position += 2;
                if (!skip_blocks()) return false;
                break;
            case ',': {
                const std::uint8_t flags = at(position + descriptor_size - 1);
                position += descriptor_size;
                skip_palette(flags);
                ++position;  // How wide the codes are.
                return skip_blocks();
            }
            default: return false;
        }
    }
    return false;
}

}  // namespace

Demuxer::Demuxer(Output& bytes, const std::string& muxer)
    : io_(bytes, IoHandle::Mode::read),
      context_(open_input(io_.get(), muxer)),
      is_gif_(muxer == "gif"),
      keeps_decoding_times_(muxer != "matroska" && muxer != "webm") {}

bool Demuxer::read(AVPacket& packet) {
    for (;;) {
        const int result = av_read_frame(context_.get(), &packet);
        check(io_.get()->error, "read the partial file", ErrorKind::output);
        if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
        if (result < 0) return false;
        const bool is_whole = (packet.flags & AV_PKT_FLAG_CORRUPT) == 0 && (!is_gif_ || is_whole_gif(packet));
        if (packet.stream_index == 0 && is_whole) break;
        av_packet_unref(&packet);
    }
    // Fragments cannot express that reordered frames start at 0; their first picture comes late by that.
    if (first_pts_ == AV_NOPTS_VALUE) first_pts_ = packet.pts;
    packet.pts -= first_pts_;
    if (!keeps_decoding_times_) {
        // Any will do that rise and are not after the picture is shown.
        constexpr std::int64_t longest_delay = 16;  // As H.264 and HEVC limit it.
        packet.dts = av_rescale_q(num_packets_ - longest_delay, av_inv_q(frame_rate(packet)), time_base());
    } else {
        packet.dts -= first_pts_;
    }
    ++num_packets_;
    end_of_packets_ = std::max(end_of_packets_, packet.pos + packet.size);
    return true;
}

void Demuxer::probe() {
    check(avformat_find_stream_info(context_.get(), nullptr), "read the partial file", ErrorKind::output);
}

AVRational Demuxer::frame_rate(const AVPacket& packet) const noexcept {
    // Of GIF, some FFmpegs say the average in whole hundredths of a second, and guess right when asked for the other.
    const AVRational known = is_gif_ && stream().r_frame_rate.num > 0 ? stream().r_frame_rate : stream().avg_frame_rate;
    if (known.num > 0) return known;
    const AVRational unknown{0, 1};
    if (packet.duration <= 0) return unknown;
    AVRational rate = unknown;
    av_reduce(&rate.num, &rate.den, time_base().den, time_base().num * packet.duration, INT32_MAX);
    return rate;
}

Metadata Demuxer::metadata() const {
    constexpr std::array<std::string_view, 5> added_by_containers{"major_brand", "minor_version", "compatible_brands",
                                                                  "encoder", "ENCODER"};
    Metadata metadata;
    const AVDictionaryEntry* entry = nullptr;
    while ((entry = av_dict_get(context_->metadata, "", entry, AV_DICT_IGNORE_SUFFIX)) != nullptr) {
        bool is_ours = true;
        for (const std::string_view key : added_by_containers) is_ours = is_ours && key != entry->key;
        if (is_ours) metadata.emplace_back(entry->key, entry->value);
    }
    return metadata;
}

}  // namespace gymreel

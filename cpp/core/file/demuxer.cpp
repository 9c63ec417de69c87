#include "core/file/demuxer.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/ffmpeg/codec_opening.hpp"
#include "core/file/container_kind.hpp"

#include <array>
#include <mutex>
#include <new>
#include <string_view>
#include <utility>

namespace gymreel {
namespace {

const char* demuxer_name(const std::string& muxer) {
    switch (container_kind(muxer)) {
        case ContainerKind::mp4: return "mov";
        case ContainerKind::matroska: return "matroska";
        case ContainerKind::gif: return "gif";
    }
    return muxer.c_str();
}

InputContextPtr open_input(AVIOContext* io, const std::string& muxer) {
    AVFormatContext* context = avformat_alloc_context();
    if (context == nullptr) throw std::bad_alloc();
    context->pb = io;
    // Packets that are cut off are discarded. Without IGNIDX, mov reads the index of every fragment first, and fails if
    // the last one is cut off.
    context->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_DISCARD_CORRUPT | AVFMT_FLAG_IGNIDX;
    // avformat_open_input frees the context when it fails.
    check(avformat_open_input(&context, "", av_find_input_format(demuxer_name(muxer)), nullptr),
          "read the partial file", ErrorKind::output);
    InputContextPtr input(context);
    if (context->nb_streams != 1) throw Error(ErrorKind::output, "read the partial file", "it does not hold one video");
    return input;
}

/// Return a filter that takes the extradata of AV1 from the first packet, or null if it is not needed. libaom reports
/// it too late for the header of a growing Matroska file.
PacketFilterPtr make_extradata_filter(const AVStream& stream) {
    const AVBitStreamFilter* const description = av_bsf_get_by_name("extract_extradata");
    const bool is_needed = stream.codecpar->codec_id == AV_CODEC_ID_AV1 && stream.codecpar->extradata_size == 0;
    if (!is_needed || description == nullptr) return {};
    AVBSFContext* filter = nullptr;
    if (av_bsf_alloc(description, &filter) < 0) throw std::bad_alloc();
    PacketFilterPtr result(filter);
    check(avcodec_parameters_copy(filter->par_in, stream.codecpar), "read the partial file", ErrorKind::output);
    filter->time_base_in = stream.time_base;
    check(av_bsf_init(filter), "read the partial file", ErrorKind::output);
    return result;
}

}  // namespace

Demuxer::Demuxer(ByteSource& bytes, const std::string& muxer)
    : io_(bytes),
      context_(open_input(io_.get(), muxer)),
      extradata_filter_(make_extradata_filter(stream())),
      is_gif_(container_kind(muxer) == ContainerKind::gif),
      keeps_decoding_times_(container_kind(muxer) != ContainerKind::matroska) {}

bool Demuxer::read(AVPacket& packet) {
    for (;;) {
        const int result = av_read_frame(context_.get(), &packet);
        check(io_.get()->error, "read the partial file", ErrorKind::output);
        if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
        if (result < 0) return false;
        if (packet.stream_index == 0 && (packet.flags & AV_PKT_FLAG_CORRUPT) == 0) break;
        av_packet_unref(&packet);
    }
    if (extradata_filter_ != nullptr) {
        const PacketFilterPtr filter = std::move(extradata_filter_);
        check(av_bsf_send_packet(filter.get(), &packet), "read the partial file", ErrorKind::output);
        check(av_bsf_receive_packet(filter.get(), &packet), "read the partial file", ErrorKind::output);
    }
    // With reordering, the first picture in fragments has a time above 0.
    if (first_pts_ == AV_NOPTS_VALUE) first_pts_ = packet.pts;
    packet.pts -= first_pts_;
    if (!keeps_decoding_times_) {
        // Any times will do that increase and are not later than the presentation times.
        constexpr std::int64_t longest_delay = 16;  // As H.264 and HEVC limit it.
        packet.dts = av_rescale_q(num_packets_ - longest_delay, av_inv_q(frame_rate(packet)), time_base());
    } else {
        packet.dts -= first_pts_;
    }
    ++num_packets_;
    return true;
}

void Demuxer::probe() {
    Dictionary options;
    options.set("max_pixels", "8847360");  // 4096 x 2160, so that a damaged file cannot claim much memory.
    const std::lock_guard lock(codec_opening());
    check(options.pass_to([&](AVDictionary** entries) { return avformat_find_stream_info(context_.get(), entries); }),
          "read the partial file", ErrorKind::output);
}

void Demuxer::describe(AVPixelFormat format, int width, int height) noexcept {
    AVCodecParameters& codec = *context_->streams[0]->codecpar;
    if (codec.format == AV_PIX_FMT_NONE) codec.format = format;
    if (codec.width > 0 && codec.height > 0) return;
    codec.width = width;
    codec.height = height;
}

AVRational Demuxer::frame_rate(const AVPacket& packet) const noexcept {
    // For GIF, some versions of FFmpeg round the average to hundredths of a second, while r_frame_rate is right.
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

#include "core/file/remux.hpp"

#include "core/error.hpp"
#include "core/file/container_kind.hpp"

#include <cstring>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace gymreel {
namespace {

/// Return the option that sets how long GIF shows the last frame. By default it is as long as the frame before, and 0.1
/// s for a single frame.
Options last_delay(AVRational frame_rate) {
    constexpr std::int64_t centiseconds = 100;
    return {{"final_delay", std::to_string(av_rescale(centiseconds, frame_rate.den, frame_rate.num))}};
}

/// Copy the extradata of a written stream. The muxer rewrote packets and extradata from start codes to lengths.
void adopt_extradata(const AVCodecParameters& written, AVCodecParameters& stream) {
    const auto size = static_cast<std::size_t>(written.extradata_size);
    auto* const copy = static_cast<std::uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
    if (copy == nullptr) throw std::bad_alloc();
    if (size > 0) std::memcpy(copy, written.extradata, size);
    av_free(stream.extradata);
    stream.extradata = copy;
    stream.extradata_size = written.extradata_size;
}

/// Return whether the muxer needs stream parameters that the header of the growing file lacks.
bool needs_decoder(const AVCodecParameters& stream, const std::string& muxer) {
    switch (stream.codec_id) {
        case AV_CODEC_ID_H264:
        case AV_CODEC_ID_HEVC:
        case AV_CODEC_ID_AV1:
        case AV_CODEC_ID_MPEG4:
        case AV_CODEC_ID_FFV1:
        case AV_CODEC_ID_GIF: return false;
        case AV_CODEC_ID_VP8:
        case AV_CODEC_ID_VP9: return container_kind(muxer) == ContainerKind::mp4 && stream.format == AV_PIX_FMT_NONE;
        default: return true;
    }
}

MuxerConfig complete_container(const std::string& muxer, const Metadata& metadata, AVRational frame_rate) {
    MuxerConfig result{muxer, {}, metadata};
    switch (container_kind(muxer)) {
        case ContainerKind::mp4: {
            // With the default timescale of 1000 the duration would be rounded to milliseconds.
            std::int64_t timescale = frame_rate.num;
            while (timescale > 0 && timescale < 1000) timescale *= 2;
            result.options = {{"movflags", "faststart+use_metadata_tags"},
                              {"movie_timescale", std::to_string(timescale)}};
            break;
        }
        case ContainerKind::matroska: break;
        case ContainerKind::gif: result.options = last_delay(frame_rate); break;
    }
    return result;
}

}  // namespace

MuxerConfig growing_container(const std::string& muxer, const Metadata& metadata) {
    MuxerConfig result{muxer, {}, metadata, true};
    switch (container_kind(muxer)) {
        case ContainerKind::mp4:
            result.options = {{"movflags", "frag_custom+empty_moov+default_base_moof+use_metadata_tags"}};
            break;
        case ContainerKind::matroska:
            result.options = {{"cluster_time_limit", "30000"}};  // The maximum: Muxer decides when a cluster ends.
            break;
        case ContainerKind::gif: break;
    }
    return result;
}

RemuxResult remux(Demuxer& from, ByteStore& to, const std::string& muxer, const Metadata& metadata,
                  CodecParametersPtr stream) {
    const PacketPtr packet(av_packet_alloc());
    if (!packet) throw std::bad_alloc();
    std::optional<Muxer> complete;
    RemuxResult result;
    for (; from.read(*packet); ++result.num_packets) {
        if (!complete) {
            result.frame_rate = from.frame_rate(*packet);
            adopt_extradata(*from.stream().codecpar, *stream);
            complete.emplace(to, complete_container(muxer, metadata, result.frame_rate), *stream, from.time_base(),
                             result.frame_rate);
        }
        complete->write(*packet);
        av_packet_unref(packet.get());
    }
    if (complete) complete->finish();
    return result;
}

RemuxResult remux_sound_part(Demuxer& from, ByteStore& to, const std::string& muxer, const PartialScan& scan) {
    RemuxResult result{0, scan.frame_rate};
    if (scan.times.empty()) return result;
    from.describe(scan.pixel_format, scan.width, scan.height);
    if (needs_decoder(*from.stream().codecpar, muxer)) from.probe();
    const PacketPtr packet(av_packet_alloc());
    if (!packet) throw std::bad_alloc();
    Muxer complete(to, complete_container(muxer, from.metadata(), scan.frame_rate), *from.stream().codecpar,
                   from.time_base(), scan.frame_rate);
    for (const std::int64_t time : scan.times) {
        const bool is_expected = av_cmp_q(from.time_base(), scan.tick) == 0 && from.read(*packet) &&
                                 packet->pts == time - scan.times.front();
        if (!is_expected) throw Error(ErrorKind::output, "read the partial file", "FFmpeg finds other frames in it");
        complete.write(*packet);
        av_packet_unref(packet.get());
        ++result.num_packets;
    }
    complete.finish();
    return result;
}

}  // namespace gymreel

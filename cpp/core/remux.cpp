#include "remux.hpp"

#include <cstring>
#include <new>
#include <optional>

namespace gymreel {
namespace {

// A fragment that is not complete is lost when the process is killed, so fragments are short.
constexpr const char* fragment_microseconds = "250000";
constexpr const char* cluster_milliseconds = "250";

/// Otherwise GIF shows the last frame for as long as the one before, and a single one for 0.1 s.
Options last_delay(AVRational frame_rate) {
    constexpr std::int64_t centiseconds = 100;
    return {{"final_delay", std::to_string(av_rescale(centiseconds, frame_rate.den, frame_rate.num))}};
}

/// Packets were rewritten on their way into the file, from start codes to lengths, and the extradata with them.
void adopt_extradata(const AVCodecParameters& written, AVCodecParameters& stream) {
    const auto size = static_cast<std::size_t>(written.extradata_size);
    auto* const copy = static_cast<std::uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
    if (copy == nullptr) throw std::bad_alloc();
    if (size > 0) std::memcpy(copy, written.extradata, size);
    av_free(stream.extradata);
    stream.extradata = copy;
    stream.extradata_size = written.extradata_size;
}

MuxerConfig complete_container(const std::string& muxer, const Metadata& metadata, AVRational frame_rate) {
    MuxerConfig result{muxer, {}, metadata, false};
    if (Muxer::is_mp4(muxer)) {
        // With the default of 1000 units a second the file's duration would be rounded to a millisecond.
        std::int64_t timescale = frame_rate.num;
        while (timescale > 0 && timescale < 1000) timescale *= 2;
        result.options = {{"movflags", "faststart+use_metadata_tags"}, {"movie_timescale", std::to_string(timescale)}};
    } else if (muxer == "gif") {
        result.options = last_delay(frame_rate);
    }
    return result;
}

}  // namespace

MuxerConfig growing_container(const std::string& muxer, const Metadata& metadata, AVRational frame_rate) {
    MuxerConfig result{muxer, {}, metadata, true};
    if (Muxer::is_mp4(muxer)) {
        result.options = {{"movflags", "frag_keyframe+empty_moov+default_base_moof+use_metadata_tags"},
                          {"frag_duration", fragment_microseconds}};
    } else if (muxer == "matroska" || muxer == "webm") {
        result.options = {{"cluster_time_limit", cluster_milliseconds}};
    } else if (muxer == "gif") {
        result.options = last_delay(frame_rate);
    }
    return result;
}

RemuxResult remux(Demuxer& from, Output& to, const std::string& muxer, const Metadata& metadata,
                  CodecParametersPtr stream) {
    if (stream == nullptr) from.probe();
    const PacketPtr packet(av_packet_alloc());
    if (!packet) throw std::bad_alloc();
    std::optional<Muxer> complete;
    RemuxResult result;
    for (; from.read(*packet); ++result.num_packets) {
        if (!complete) {
            result.frame_rate = from.frame_rate(*packet);
            if (stream != nullptr) adopt_extradata(*from.stream().codecpar, *stream);
            complete.emplace(to, complete_container(muxer, metadata, result.frame_rate),
                             stream != nullptr ? *stream : *from.stream().codecpar, from.time_base(),
                             result.frame_rate);
        }
        complete->write(*packet);
        av_packet_unref(packet.get());
    }
    if (complete) complete->finish();
    return result;
}

}  // namespace gymreel

#include "core/file/muxer.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/container_kind.hpp"
#include "core/file/memory_output.hpp"

#include <new>

namespace gymreel {
namespace {

const AVOutputFormat* find_muxer(const std::string& name) {
    const AVOutputFormat* const format = av_guess_format(name.c_str(), nullptr, nullptr);
    if (format == nullptr) {
        throw Error(ErrorKind::config, "path", "this FFmpeg cannot write the container '" + name + "'");
    }
    return format;
}

}  // namespace

bool Muxer::wants_global_header(const std::string& muxer) {
    return (find_muxer(muxer)->flags & AVFMT_GLOBALHEADER) != 0;
}

Muxer::Muxer(ByteStore& output, const MuxerConfig& config, const AVCodecParameters& stream, AVRational time_base,
             AVRational frame_rate)
    : output_(output),
      io_(output, IoHandle::writable),
      context_(avformat_alloc_context()),
      time_base_(time_base),
      has_fragments_(config.is_growing && container_kind(config.muxer) != ContainerKind::gif) {
    if (!context_) throw std::bad_alloc();
    context_->oformat = find_muxer(config.muxer);
    context_->pb = io_.get();
    context_->flags |= AVFMT_FLAG_CUSTOM_IO;
    if (config.is_growing) context_->flags |= AVFMT_FLAG_FLUSH_PACKETS;
    IoHandle::serve_reopening(context_.get(), output);

    Dictionary metadata;
    for (const auto& [key, value] : config.metadata) metadata.set(key.c_str(), value.c_str());
    context_->metadata = metadata.release();

    AVStream* const track = avformat_new_stream(context_.get(), nullptr);
    if (track == nullptr) throw std::bad_alloc();
    check(avcodec_parameters_copy(track->codecpar, &stream), "describe the stream", ErrorKind::output);
    track->codecpar->codec_tag = 0;
    if (container_kind(config.muxer) == ContainerKind::mp4 && stream.codec_id == AV_CODEC_ID_HEVC) {
        track->codecpar->codec_tag = MKTAG('h', 'v', 'c', '1');  // Apple's players accept HEVC only with this tag.
    }
    track->time_base = time_base;
    track->avg_frame_rate = frame_rate;

    Dictionary options;
    for (const auto& [name, value] : config.options) options.set(name.c_str(), value.c_str());
    check(options.pass_to([&](AVDictionary** dictionary) { return avformat_write_header(context_.get(), dictionary); }),
          "write the header", ErrorKind::output);
    if (config.is_growing) avio_flush(context_->pb);
    check_io("write the header");
    if (config.has_marks) marks_.emplace(config.muxer);
    write_mark();
}

void Muxer::write(AVPacket& packet) {
    check_whole();
    is_broken_ = true;  // Until everything below has succeeded.
    packet.stream_index = 0;
    av_packet_rescale_ts(&packet, time_base_, context_->streams[0]->time_base);
    if (ends_fragment(packet)) write_fragment();
    if (has_fragments_ && fragment_start_ == AV_NOPTS_VALUE) fragment_start_ = packet.dts;
    check(av_write_frame(context_.get(), &packet), "write a packet", ErrorKind::output);
    check_io("write a packet");
    if (!has_fragments_) write_mark();
    is_broken_ = false;
}

bool Muxer::ends_fragment(const AVPacket& next) const noexcept {
    constexpr AVRational milliseconds{1, 1000};
    if (fragment_start_ == AV_NOPTS_VALUE) return false;
    return (next.flags & AV_PKT_FLAG_KEY) != 0 ||
           av_compare_ts(next.dts - fragment_start_, context_->streams[0]->time_base, fragment_time.count(),
                         milliseconds) >= 0;
}

void Muxer::end_fragment() {
    check_whole();
    is_broken_ = true;
    write_fragment();
    is_broken_ = false;
}

void Muxer::finish() {
    if (has_fragments_) return end_fragment();
    check_whole();
    check(av_write_trailer(context_.get()), "write the trailer", ErrorKind::output);
    avio_flush(context_->pb);
    check_io("write the trailer");
    write_mark();
}

void Muxer::write_fragment() {
    if (fragment_start_ == AV_NOPTS_VALUE) return;
    fragment_start_ = AV_NOPTS_VALUE;
    check(av_write_frame(context_.get(), nullptr), "write a fragment", ErrorKind::output);
    avio_flush(context_->pb);
    check_io("write a fragment");
    write_mark();
}

void Muxer::check_whole() const {
    if (is_broken_) throw Error(ErrorKind::output, "write a packet", "an earlier packet could not be written");
}

void Muxer::write_mark() {
    if (!marks_) return;
    const std::int64_t position = avio_tell(context_->pb);
    if (position == marks_->end()) return;  // Nothing has been written since the last mark.
    const MarkChain::Mark mark = marks_->at(output_, position);
    avio_write(context_->pb, mark.bytes.data(), mark.size);
    avio_flush(context_->pb);
    check_io("write an integrity mark");
    marks_->pass();
}

void Muxer::check_io(const char* operation) const {
    // Several muxers report success although writing to their output has failed.
    check(context_->pb->error, operation, ErrorKind::output);
}

bool can_mux(const std::string& muxer, const std::string& encoder) {
    const AVOutputFormat* const format = av_guess_format(muxer.c_str(), nullptr, nullptr);
    const AVCodec* const codec = avcodec_find_encoder_by_name(encoder.c_str());
    if (format == nullptr || codec == nullptr || avformat_query_codec(format, codec->id, FF_COMPLIANCE_NORMAL) != 1) {
        return false;
    }
    // Some muxers refuse a codec only once they have the stream, for example mov with AV1.
    const LogCapture capture;
    MemoryOutput output;
    const IoHandle io(output, IoHandle::writable);
    const OutputContextPtr context(avformat_alloc_context());
    if (!context) throw std::bad_alloc();
    context->oformat = format;
    context->pb = io.get();
    context->flags |= AVFMT_FLAG_CUSTOM_IO;
    AVStream* const stream = avformat_new_stream(context.get(), nullptr);
    if (stream == nullptr) throw std::bad_alloc();
    stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    stream->codecpar->codec_id = codec->id;
    stream->codecpar->width = 64;
    stream->codecpar->height = 64;
    stream->time_base = {1, 25};
    return avformat_init_output(context.get(), nullptr) >= 0;
}

}  // namespace gymreel

#include "core/encoding/encoder.hpp"

#include "core/encoding/encoder_threads.hpp"
#include "core/encoding/encoder_traits.hpp"
#include "core/ffmpeg/av_error.hpp"
#include "core/ffmpeg/codec_opening.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <exception>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace gymreel {
namespace {

constexpr int round_up(int size, int log2_step) { return -(-size >> log2_step) * (1 << log2_step); }

bool is_rgb(const AVPixFmtDescriptor& format) {
    return (format.flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0;
}

template <typename T>
T* or_bad_alloc(T* object) {
    if (object == nullptr) throw std::bad_alloc();
    return object;
}

void tag_colors(AVCodecContext& context, const AVPixFmtDescriptor& format) {
    if (is_rgb(format)) return;  // Nothing was converted to YUV that a tag could describe.
    context.colorspace = AVCOL_SPC_BT709;
    context.color_primaries = AVCOL_PRI_BT709;
    context.color_trc = AVCOL_TRC_BT709;
    // Grey of 16 bits is measured values, such as depth, which are stored as they are.
    context.color_range = context.pix_fmt == AV_PIX_FMT_GRAY16LE ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    if (format.log2_chroma_w == 1 && format.log2_chroma_h == 1) {
        context.chroma_sample_location = AVCHROMA_LOC_CENTER;  // Converter averages 2x2 pixels.
    }
}

}  // namespace

Encoder::Encoder(const EncoderConfig& config, int width, int height, int num_threads)
    : config_(config),
      size_{width * config.scale, height * config.scale},
      num_threads_(num_threads),
      can_be_brief_(has_brief_lookahead(config.encoder)),
      frame_(or_bad_alloc(av_frame_alloc())),
      packet_(or_bad_alloc(av_packet_alloc())) {
    check_encoder_options(config.encoder, config.options);  // Opening would ignore unknown options.
    context_ = make_context();
    converter_ = make_frame_converter(context_->pix_fmt);
    context_ = open(Lookahead::usual);
    extradata_.assign(context_->extradata, context_->extradata + context_->extradata_size);
}

/// Return a context that is not open. It has everything that describes the stream, except extradata.
CodecContextPtr Encoder::make_context() const {
    CodecContextPtr context(or_bad_alloc(avcodec_alloc_context3(find_encoder(config_.encoder))));
    const AVPixelFormat pixel_format = av_get_pix_fmt(config_.pixel_format.c_str());
    const AVPixFmtDescriptor* const descriptor = av_pix_fmt_desc_get(pixel_format);
    if (descriptor == nullptr) {
        throw Error(ErrorKind::config, "pixel_format", "FFmpeg has no pixel format '" + config_.pixel_format + "'");
    }
    context->pix_fmt = pixel_format;
    context->width = round_up(size_.width, descriptor->log2_chroma_w);
    context->height = round_up(size_.height, descriptor->log2_chroma_h);
    context->time_base = {config_.fps_denominator, config_.fps_numerator};
    context->framerate = {config_.fps_numerator, config_.fps_denominator};
    context->sample_aspect_ratio = {1, 1};
    context->thread_count = num_threads_;
    if (config_.global_header) context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    tag_colors(*context, *descriptor);
    return context;
}

CodecContextPtr Encoder::open(Lookahead lookahead) const {
    const std::string& name = config_.encoder;
    CodecContextPtr context = make_context();
    Options chosen = options_for(name, config_.options, num_threads_);
    if (lookahead == Lookahead::brief) {
        chosen = with_brief_lookahead(name, std::move(chosen));
        context->thread_count = threads_for_brief_lookahead(name, num_threads_);
    }
    Dictionary options;
    for (const auto& [key, value] : chosen) options.set(key.c_str(), value.c_str());
    try {
        check_threads_can_start(num_blindly_started_threads(name, context->thread_count));
        const int result = options.pass_to([&](AVDictionary** dictionary) {
            std::unique_lock lock(codec_opening(), std::defer_lock);
            if (opens_under_lock(name)) lock.lock();
            return avcodec_open2(context.get(), find_encoder(name), dictionary);
        });
        check(result, "open the encoder", ErrorKind::encode);
    } catch (const Error& error) {
        ErrorInfo info = error.info();
        info.operation += " '" + name + "' for frames of " + std::to_string(size_.width) + "x" +
                          std::to_string(size_.height) + " pixels";
        throw Error(std::move(info));
    }
    return context;
}

/// Open an encoder whose packets can continue those of the previous run. Return null if it describes its stream
/// differently each time that it is opened.
CodecContextPtr Encoder::open_successor() {
    const auto goes_on = [&](const AVCodecContext& context) {
        return std::equal(extradata_.begin(), extradata_.end(), context.extradata,
                          context.extradata + context.extradata_size);
    };
    if (lookahead_ == Lookahead::brief) {
        try {
            CodecContextPtr brief = open(Lookahead::brief);
            if (goes_on(*brief)) return brief;
            end(*brief, false);
        } catch (const Error&) {  // The user's options exclude a brief look-ahead.
        }
        can_be_brief_ = false;
        lookahead_ = Lookahead::usual;
    }
    CodecContextPtr usual = open(Lookahead::usual);
    if (goes_on(*usual)) return usual;
    end(*usual, false);
    return nullptr;
}

Encoder::~Encoder() {
    if (is_open() && !is_flushed_) end(*context_, !has_seen_nothing());
}

/// Prepare an encoder that was not flushed for being freed. SVT-AV1 hangs when it is freed before it was flushed, and
/// when it is flushed before it has seen a frame. Other encoders can be freed at any time.
void Encoder::end(AVCodecContext& context, bool has_seen_frame) noexcept {
    if (context.codec->name != std::string_view("libsvtav1")) return;
    if (!has_seen_frame) send_filler(context);
    avcodec_send_frame(&context, nullptr);
    while (avcodec_receive_packet(&context, packet_.get()) >= 0) av_packet_unref(packet_.get());
}

/// Send the loaded picture, or any picture if none is loaded.
void Encoder::send_filler(AVCodecContext& context) noexcept {
    try {
        constexpr std::uint8_t grey = 128;
        if (frame_->buf[0] == nullptr) load(FrameView{&grey, 1, 1, 1, 1, 1, 1});
    } catch (const std::exception&) {  // Without memory there is nothing to send.
        return;
    }
    frame_->pts = 0;
    avcodec_send_frame(&context, frame_.get());
}

AVFrame& Encoder::writable_frame() {
    // Encoders that copy their input (x264, libvpx) allow the same buffer, still in the cache, to be filled again.
    if (frame_->buf[0] == nullptr || av_frame_is_writable(frame_.get()) == 0) {
        av_frame_unref(frame_.get());
        frame_->format = context_->pix_fmt;
        frame_->width = context_->width;
        frame_->height = context_->height;
        check(av_frame_get_buffer(frame_.get(), 0), "allocate a frame", ErrorKind::encode);
    }
    frame_->colorspace = context_->colorspace;
    frame_->color_primaries = context_->color_primaries;
    frame_->color_trc = context_->color_trc;
    frame_->color_range = context_->color_range;
    frame_->chroma_location = context_->chroma_sample_location;
    return *frame_;
}

void Encoder::load(const FramePixels& source) {
    AVFrame& destination = writable_frame();
    if (const auto* const view = std::get_if<FrameView>(&source)) {
        converter_->convert(magnified(*view, config_.scale), destination);
    } else {
        converter_->convert_tiles(std::get<TiledView>(source), config_.scale, destination);
    }
}

void Encoder::encode(const PacketSink& sink) {
    if (!is_open()) reopen();
    if (has_seen_nothing() && run_start_ > 0) begin_run(sink);
    send();
    receive(sink);
}

void Encoder::send() {
    frame_->pts = next_pts_++ - pts_offset_;
    frame_->quality = context_->global_quality;  // Encoders with a fixed quantiser read it here.
    check(avcodec_send_frame(context_.get(), frame_.get()), "encode a frame", ErrorKind::encode);
    frame_->pict_type = AV_PICTURE_TYPE_NONE;
}

void Encoder::reopen() {
    CodecContextPtr successor = open_successor();
    if (!successor) {
        throw Error(ErrorKind::encode, "open the encoder again",
                    "'" + config_.encoder + "' describes its stream differently each time");
    }
    context_ = std::move(successor);
}

/// Prepare the first frame of a run that is not the first one.
void Encoder::begin_run(const PacketSink& sink) {
    const bool last_has_number_0 = num_keys_ % 2 == 1;
    const bool is_ambiguous = numbers_key_frames(config_.encoder) && is_last_key_ && last_has_number_0;
    num_keys_ = 0;
    if (!is_ambiguous) return;
    // Some decoders take two successive key frames of the same number for one picture. So the first packet of this run,
    // which has the number 0, is thrown away, and the same frame is encoded again as a key frame.
    pts_offset_ = --next_pts_;
    frame_->pict_type = AV_PICTURE_TYPE_I;
    send();
    receive(sink);
    frame_->pict_type = AV_PICTURE_TYPE_I;
}

void Encoder::flush(const PacketSink& sink) {
    if (is_open() && !has_seen_nothing()) {
        is_flushed_ = true;
        check(avcodec_send_frame(context_.get(), nullptr), "flush the encoder", ErrorKind::encode);
        receive(sink);
    }
    // When memory runs out, libvpx stops making packets and reports success.
    if (num_packets_ != next_pts_) {
        throw Error(
            ErrorKind::encode, "flush the encoder",
            "it made " + std::to_string(num_packets_) + " packets for " + std::to_string(next_pts_) + " frames");
    }
}

bool Encoder::drain(const PacketSink& sink) {
    if (!is_open() || has_seen_nothing()) return true;
    if ((context_->flags & (AV_CODEC_FLAG_PASS1 | AV_CODEC_FLAG_PASS2)) != 0) can_drain_ = false;
    if (!can_drain_) return false;
    CodecContextPtr next;
    if (!is_proven_) {
        // Now, because after flushing there would be no way back.
        next = open_successor();
        can_drain_ = next != nullptr;
        if (!can_drain_) return false;
        is_proven_ = true;
    } else {
        next = make_context();
    }
    try {
        flush(sink);
    } catch (...) {
        if (avcodec_is_open(next.get()) != 0) end(*next, false);
        throw;
    }
    is_flushed_ = false;
    context_ = std::move(next);
    run_start_ = next_pts_;
    pts_offset_ = next_pts_;
    return true;
}

void Encoder::set_lookahead(Lookahead lookahead) noexcept { lookahead_ = can_be_brief_ ? lookahead : Lookahead::usual; }

void Encoder::receive(const PacketSink& sink) {
    for (;;) {
        const int result = avcodec_receive_packet(context_.get(), packet_.get());
        if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
        check(result, "receive a packet", ErrorKind::encode);
        is_last_key_ = (packet_->flags & AV_PKT_FLAG_KEY) != 0;
        if (is_last_key_) ++num_keys_;
        packet_->pts += pts_offset_;
        if (packet_->dts != AV_NOPTS_VALUE) packet_->dts += pts_offset_;
        if (packet_->pts >= run_start_) hand_on(sink);
        av_packet_unref(packet_.get());
    }
}

void Encoder::hand_on(const PacketSink& sink) {
    if (num_packets_ == run_start_ && run_start_ > 0 && context_->codec_id == AV_CODEC_ID_H264)
        skip_encoder_settings(*packet_);
    packet_->duration = 1;
    // A later decoding time would leave no time for a picture that is coded later and shown earlier.
    const std::int64_t latest_dts = num_packets_ - reordering_depth(config_.encoder, context_->has_b_frames);
    // In a run that is shorter than the reordering delay, x265 leaves decoding times unset, and x264 sets times that
    // leave no room for the reordered pictures of the next run.
    constexpr std::int64_t longest_delay = 16;  // As H.264 and HEVC limit it.
    const bool has_sound_dts = packet_->dts >= num_packets_ - longest_delay && packet_->dts > last_dts_ &&
                               packet_->dts <= std::min(latest_dts, packet_->pts);
    if (!has_sound_dts) packet_->dts = std::max(latest_dts, last_dts_ + 1);
    last_dts_ = packet_->dts;
    ++num_packets_;
    sink(*packet_);
}

}  // namespace gymreel

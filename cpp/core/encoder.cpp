#include "encoder.hpp"

#include "av_error.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <exception>
#include <new>
#include <string_view>

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
    if (is_rgb(format)) return;  // No conversion took place that a tag could describe.
    context.colorspace = AVCOL_SPC_BT709;
    context.color_primaries = AVCOL_PRI_BT709;
    context.color_trc = AVCOL_TRC_BT709;
    context.color_range = AVCOL_RANGE_MPEG;
    if (format.log2_chroma_w == 1 && format.log2_chroma_h == 1) {
        context.chroma_sample_location = AVCHROMA_LOC_CENTER;  // Converter takes the mean of 2 x 2 pixels.
    }
}

}  // namespace

Encoder::Encoder(const EncoderConfig& config, int width, int height, int num_threads)
    : frame_(or_bad_alloc(av_frame_alloc())), packet_(or_bad_alloc(av_packet_alloc())) {
    const AVCodec* const codec = find_encoder(config.encoder);
    context_.reset(or_bad_alloc(avcodec_alloc_context3(codec)));
    const AVPixelFormat pixel_format = av_get_pix_fmt(config.pixel_format.c_str());
    const AVPixFmtDescriptor* const descriptor = av_pix_fmt_desc_get(pixel_format);
    if (descriptor == nullptr) {
        throw Error(ErrorKind::config, "pixel_format", "FFmpeg has no pixel format '" + config.pixel_format + "'");
    }
    context_->pix_fmt = pixel_format;
    context_->width = round_up(width, descriptor->log2_chroma_w);
    context_->height = round_up(height, descriptor->log2_chroma_h);
    context_->time_base = {config.fps_denominator, config.fps_numerator};
    context_->framerate = {config.fps_numerator, config.fps_denominator};
    context_->sample_aspect_ratio = {1, 1};
    context_->thread_count = num_threads;
    if (config.global_header) context_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    tag_colors(*context_, *descriptor);

    converter_ = make_frame_converter(pixel_format);
    check_encoder_options(config.encoder, config.options);  // Here, because opening passes over unknown ones.
    Dictionary options;
    for (const auto& [name, value] : config.options) options.set(name.c_str(), value.c_str());
    const int result = options.pass_to([&](AVDictionary** dictionary) {
        const std::lock_guard lock(opening());
        return avcodec_open2(context_.get(), codec, dictionary);
    });
    try {
        check(result, "open the encoder", ErrorKind::encode);
    } catch (const Error& error) {
        ErrorInfo info = error.info();
        info.operation += " '" + config.encoder + "' for frames of " + std::to_string(width) + "x" +
                          std::to_string(height) + " pixels";
        throw Error(std::move(info));
    }
}

std::mutex& Encoder::opening() {
    static std::mutex mutex;
    return mutex;
}

Encoder::~Encoder() {
    // SVT-AV1 never comes back from being freed before it was told that it is over, nor from being told so before it
    // has seen a frame. The others need not finish what nobody wants any more.
    if (is_flushed_ || context_->codec->name != std::string_view("libsvtav1")) return;
    if (next_pts_ == 0) send_filler();
    avcodec_send_frame(context_.get(), nullptr);
    while (avcodec_receive_packet(context_.get(), packet_.get()) >= 0) av_packet_unref(packet_.get());
}

void Encoder::send_filler() noexcept {
    try {
        constexpr std::uint8_t grey = 128;
        load(FrameView{&grey, 1, 1, 1, 1, 1, 1});
    } catch (const std::exception&) {  // Without memory there is nothing that could be sent.
        return;
    }
    frame_->pts = 0;
    avcodec_send_frame(context_.get(), frame_.get());
}

AVFrame& Encoder::writable_frame() {
    // Encoders that copy what they are sent (x264, libvpx) let the same, cache-warm buffer be filled again.
    if (frame_->buf[0] == nullptr || av_frame_is_writable(frame_.get()) == 0) {
        av_frame_unref(frame_.get());
        frame_->format = context_->pix_fmt;
        frame_->width = context_->width;
        frame_->height = context_->height;
        check(av_frame_get_buffer(frame_.get(), 0), "allocate a frame", ErrorKind::encode);
    }
    frame_->quality = context_->global_quality;  // Where encoders with a fixed quantiser look for it.
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
        converter_->convert(*view, destination);
    } else {
        converter_->convert_tiles(std::get<TiledView>(source), destination);
    }
}

void Encoder::encode(const PacketSink& sink) {
    frame_->pts = next_pts_++;
    check(avcodec_send_frame(context_.get(), frame_.get()), "encode a frame", ErrorKind::encode);
    receive(sink);
}

void Encoder::flush(const PacketSink& sink) {
    is_flushed_ = true;
    check(avcodec_send_frame(context_.get(), nullptr), "flush the encoder", ErrorKind::encode);
    receive(sink);
    // Out of memory, libvpx gives nothing more and says that all is well.
    if (num_packets_ != next_pts_) {
        throw Error(
            ErrorKind::encode, "flush the encoder",
            "it gave " + std::to_string(num_packets_) + " pictures for " + std::to_string(next_pts_) + " frames");
    }
}

void Encoder::receive(const PacketSink& sink) {
    for (;;) {
        const int result = avcodec_receive_packet(context_.get(), packet_.get());
        if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return;
        check(result, "receive a packet", ErrorKind::encode);
        packet_->duration = 1;
        // x265 leaves decoding times unset, whatever they were, in a clip that is shorter than its delay.
        constexpr std::int64_t longest_delay = 16;  // As H.264 and HEVC limit it.
        const bool has_sound_dts =
            packet_->dts >= num_packets_ - longest_delay && packet_->dts > last_dts_ && packet_->dts <= packet_->pts;
        if (!has_sound_dts) packet_->dts = num_packets_ - context_->has_b_frames;
        last_dts_ = packet_->dts;
        ++num_packets_;
        sink(*packet_);
        av_packet_unref(packet_.get());
    }
}

}  // namespace gymreel

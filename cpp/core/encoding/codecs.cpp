#include "core/encoding/codecs.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/ffmpeg/ffmpeg_features.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/pixels/frame_converter.hpp"

extern "C" {
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

namespace gymreel {

std::vector<AVPixelFormat> supported_pixel_formats(const AVCodec* encoder) {
    const AVPixelFormat* formats = nullptr;
#if GYMREEL_FFMPEG_HAS_SUPPORTED_CONFIG
    const void* config = nullptr;
    avcodec_get_supported_config(nullptr, encoder, AV_CODEC_CONFIG_PIX_FORMAT, 0, &config, nullptr);
    formats = static_cast<const AVPixelFormat*>(config);
#else
    formats = encoder->pix_fmts;
#endif
    std::vector<AVPixelFormat> result;
    for (; formats != nullptr && *formats != AV_PIX_FMT_NONE; ++formats) {
        if (is_convertible(*formats)) result.push_back(*formats);
    }
    return result;
}

std::vector<EncoderDescription> list_encoders() {
    std::vector<EncoderDescription> result;
    void* position = nullptr;
    while (const AVCodec* codec = av_codec_iterate(&position)) {
        if (codec->type != AVMEDIA_TYPE_VIDEO || av_codec_is_encoder(codec) == 0) continue;
        EncoderDescription encoder;
        for (const AVPixelFormat format : supported_pixel_formats(codec)) {
            encoder.pixel_formats.emplace_back(av_get_pix_fmt_name(format));
        }
        if (encoder.pixel_formats.empty()) continue;
        encoder.name = codec->name;
        encoder.codec = avcodec_get_name(codec->id);
        encoder.description = codec->long_name != nullptr ? codec->long_name : codec->name;
        encoder.is_hardware = (codec->capabilities & (AV_CODEC_CAP_HARDWARE | AV_CODEC_CAP_HYBRID)) != 0;
        result.push_back(std::move(encoder));
    }
    return result;
}

const AVCodec* find_encoder(const std::string& name) {
    const AVCodec* const encoder = avcodec_find_encoder_by_name(name.c_str());
    if (encoder == nullptr || encoder->type != AVMEDIA_TYPE_VIDEO) {
        throw Error(ErrorKind::codec_not_found, "find the encoder", "this FFmpeg has no video encoder '" + name + "'");
    }
    return encoder;
}

namespace {

/// Return a context with these options that is not open.
///
/// Errors: those of check_encoder_options().
CodecContextPtr with_options(const std::string& encoder, const Options& options) {
    const LogCapture capture;
    const AVCodec* const codec = find_encoder(encoder);
    CodecContextPtr context(avcodec_alloc_context3(codec));
    if (!context) throw std::bad_alloc();
    for (const auto& [name, value] : options) {
        const int result = av_opt_set(context.get(), name.c_str(), value.c_str(), AV_OPT_SEARCH_CHILDREN);
        if (result == AVERROR_OPTION_NOT_FOUND) {
            throw Error(ErrorKind::config, "options",
                        "encoder '" + encoder + "' has no option '" + name + "'; `ffmpeg -h encoder=" + encoder +
                            "` lists those it has");
        }
        if (result == AVERROR(ENOMEM)) throw std::bad_alloc();
        if (result < 0) {
            throw Error(ErrorKind::config, "options",
                        "encoder '" + encoder + "' does not take '" + value + "' for its option '" + name +
                            "': " + describe_av_error(result));
        }
    }
    return context;
}

}  // namespace

void check_encoder_options(const std::string& encoder, const Options& options) { with_options(encoder, options); }

bool encodes_in_two_passes(const std::string& encoder, const Options& options) {
    return (with_options(encoder, options)->flags & (AV_CODEC_FLAG_PASS1 | AV_CODEC_FLAG_PASS2)) != 0;
}

}  // namespace gymreel

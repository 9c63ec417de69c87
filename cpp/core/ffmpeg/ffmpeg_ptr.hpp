#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/frame.h>
#include <libavutil/mem.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <new>

namespace gymreel {

/// The deleter of all owning pointers to FFmpeg objects, which are the aliases below and no others.
template <auto Release>
struct FFmpegDeleter {
    template <typename T>
    void operator()(T* object) const noexcept {
        Release(object);
    }
};

namespace detail {

inline void free_codec_context(AVCodecContext* context) noexcept { avcodec_free_context(&context); }
inline void free_codec_parameters(AVCodecParameters* parameters) noexcept { avcodec_parameters_free(&parameters); }
inline void free_frame(AVFrame* frame) noexcept { av_frame_free(&frame); }
inline void free_packet(AVPacket* packet) noexcept { av_packet_free(&packet); }
inline void free_dictionary(AVDictionary* dictionary) noexcept { av_dict_free(&dictionary); }
inline void free_filter(AVBSFContext* filter) noexcept { av_bsf_free(&filter); }
inline void close_input(AVFormatContext* context) noexcept { avformat_close_input(&context); }
inline void free_io(AVIOContext* io) noexcept {
    av_freep(&io->buffer);
    avio_context_free(&io);
}

}  // namespace detail

using CodecContextPtr = std::unique_ptr<AVCodecContext, FFmpegDeleter<detail::free_codec_context>>;
using CodecParametersPtr = std::unique_ptr<AVCodecParameters, FFmpegDeleter<detail::free_codec_parameters>>;
using FramePtr = std::unique_ptr<AVFrame, FFmpegDeleter<detail::free_frame>>;
using PacketPtr = std::unique_ptr<AVPacket, FFmpegDeleter<detail::free_packet>>;
using OutputContextPtr = std::unique_ptr<AVFormatContext, FFmpegDeleter<avformat_free_context>>;
using InputContextPtr = std::unique_ptr<AVFormatContext, FFmpegDeleter<detail::close_input>>;
using PacketFilterPtr = std::unique_ptr<AVBSFContext, FFmpegDeleter<detail::free_filter>>;
using IoContextPtr = std::unique_ptr<AVIOContext, FFmpegDeleter<detail::free_io>>;
using ScalerPtr = std::unique_ptr<SwsContext, FFmpegDeleter<sws_freeContext>>;

/// An owned AVDictionary. FFmpeg replaces the dictionary when entries are set or consumed.
class Dictionary {
public:
    Dictionary() = default;

    /// Set an entry.
    ///
    /// Errors: std::bad_alloc.
    void set(const char* key, const char* value, int flags = 0) {
        AVDictionary* dictionary = dictionary_.release();
        const int result = av_dict_set(&dictionary, key, value, flags);
        dictionary_.reset(dictionary);
        if (result < 0) throw std::bad_alloc();
    }

    /// Call `consume(AVDictionary**)` and return its result. FFmpeg functions that consume options have this form; what
    /// they do not recognise stays in the dictionary.
    template <typename Consume>
    auto pass_to(Consume consume) {
        AVDictionary* dictionary = dictionary_.release();
        auto result = consume(&dictionary);
        dictionary_.reset(dictionary);
        return result;
    }

    /// Release the entries to an FFmpeg structure that will free them.
    AVDictionary* release() noexcept { return dictionary_.release(); }

private:
    std::unique_ptr<AVDictionary, FFmpegDeleter<detail::free_dictionary>> dictionary_;
};

}  // namespace gymreel

#pragma once

#include "codecs.hpp"
#include "ffmpeg_ptr.hpp"
#include "frame_converter.hpp"
#include "tiles.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>

namespace gymreel {

struct EncoderConfig {
    std::string encoder;       ///< FFmpeg's name of it.
    std::string pixel_format;  ///< FFmpeg's name of it.
    int fps_numerator = 30;
    int fps_denominator = 1;
    Options options;
    bool global_header = false;  ///< Codec parameters go to the container's header.
};

/// Frames in, packets out, at a constant frame rate: the n-th frame is shown from n/fps on for 1/fps.
///
/// Thread: one at a time; the encoder may run `num_threads` of its own.
/// Errors: Error (encode), with what the encoder logged; std::bad_alloc.
class Encoder {
public:
    /// Held while FFmpeg opens an encoder, under a lock of its own that nobody can reach: a process that is forked
    /// meanwhile would have a child in which no encoder can ever be opened. Whoever forks takes this before.
    static std::mutex& opening();

    using PacketSink = std::function<void(AVPacket&)>;

    /// Opens the encoder for frames of `width` x `height`; odd sizes are padded where the pixel format shares chroma.
    Encoder(const EncoderConfig& config, int width, int height, int num_threads);
    ~Encoder();
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    /// Converts one frame into the encoder's memory; `source` is not needed afterwards. encode() must follow.
    void load(const FramePixels& source);

    /// Encodes the loaded frame and hands on the packets that are ready.
    void encode(const PacketSink& sink);

    /// Hands on every packet that the encoder still holds. Called at most once, after the last frame. It is an error too
    /// when there was not one for each frame.
    void flush(const PacketSink& sink);

    const AVCodecContext& context() const noexcept { return *context_; }

private:
    AVFrame& writable_frame();
    void send_filler() noexcept;
    void receive(const PacketSink& sink);

    CodecContextPtr context_;
    FramePtr frame_;
    PacketPtr packet_;
    std::unique_ptr<FrameConverter> converter_;
    std::int64_t next_pts_ = 0;
    std::int64_t num_packets_ = 0;
    std::int64_t last_dts_ = std::numeric_limits<std::int64_t>::min();
    bool is_flushed_ = false;
};

}  // namespace gymreel

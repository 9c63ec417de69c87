#pragma once

#include "core/encoding/codecs.hpp"
#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/pixels/frame_converter.hpp"
#include "core/pixels/frame_pixels.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

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
/// An encoder looks ahead: it holds frames back to compare them with later ones. drain() gets them out at any time; the
/// next frame then opens FFmpeg's encoder anew, and its packets go on in the same file. Each such restart costs a key
/// frame.
///
/// Thread: one at a time; the encoder may run `num_threads` of its own.
/// Errors: Error (encode), with what the encoder logged; std::bad_alloc.
class Encoder {
public:
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

    /// As flush(), but frames may follow. What the encoder occupies is freed until then.
    ///
    /// False where nothing was done: an encoder that keeps the statistics of a whole pass cannot be opened once more,
    /// and neither can one that describes its stream differently each time.
    bool drain(const PacketSink& sink);

    /// Frames whose packets have not come out yet.
    std::int64_t num_held() const noexcept { return next_pts_ - num_packets_; }

    /// How far the encoder looks ahead from the next drain() on. `brief` holds back as few frames as can be without
    /// another description of the stream, at the cost of some compression; encoders without such a setting ignore it.
    enum class Lookahead { usual, brief };
    void set_lookahead(Lookahead lookahead) noexcept;
    Lookahead lookahead() const noexcept { return lookahead_; }

    /// Describes the stream, also while nothing is open.
    const AVCodecContext& context() const noexcept { return *context_; }

private:
    bool is_open() const noexcept { return avcodec_is_open(context_.get()) != 0; }
    bool has_seen_nothing() const noexcept { return next_pts_ == run_start_; }
    CodecContextPtr make_context() const;
    CodecContextPtr open(Lookahead lookahead) const;
    CodecContextPtr open_successor();
    void reopen();
    void begin_run(const PacketSink& sink);
    AVFrame& writable_frame();
    void send();
    void end(AVCodecContext& context, bool has_seen_frame) noexcept;
    void send_filler(AVCodecContext& context) noexcept;
    void receive(const PacketSink& sink);
    void hand_on(const PacketSink& sink);

    EncoderConfig config_;
    FrameSize size_;
    int num_threads_;
    bool can_be_brief_;
    Lookahead lookahead_ = Lookahead::usual;
    CodecContextPtr context_;              // Not open between drain() and the next frame.
    std::vector<std::uint8_t> extradata_;  // Of the first one that was opened: it is in the file's header.
    bool can_drain_ = true;
    bool is_proven_ = false;  // Opening once more gave the same extradata.
    FramePtr frame_;
    PacketPtr packet_;
    std::unique_ptr<FrameConverter> converter_;
    std::int64_t next_pts_ = 0;
    std::int64_t run_start_ = 0;   // The first frame of the encoder that is open,
    std::int64_t pts_offset_ = 0;  // which counts from 0.
    std::int64_t num_keys_ = 0;    // Of its packets, those with key frames,
    bool is_last_key_ = false;     // and whether the last one is among them.
    std::int64_t num_packets_ = 0;
    std::int64_t last_dts_ = std::numeric_limits<std::int64_t>::min();
    bool is_flushed_ = false;
};

}  // namespace gymreel

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
    std::string encoder;       ///< FFmpeg's name of the encoder.
    std::string pixel_format;  ///< FFmpeg's name of the format.
    int fps_numerator = 30;
    int fps_denominator = 1;
    Options options;
    bool global_header = false;  ///< Whether codec parameters belong in the header of the container.
    int scale = 1;               ///< Each pixel of a frame becomes a square of `scale` x `scale` pixels.
};

/// Conversion and encoding of frames at a constant frame rate: frame n is shown from time n/fps to time (n + 1)/fps.
///
/// An encoder looks ahead: it holds frames back to compare them with later ones. drain() gets them out at any time. The
/// next frame then opens FFmpeg's encoder anew, and its packets continue the same file. We call what one opened encoder
/// makes a run. Each new run costs a key frame.
///
///     load() ─▶ encode() ─▶ packets          one frame
///                  │
///     drain() ─────┤ end of a run            frames may follow
///     flush() ─────┘ end of the last run
///
/// Ownership: owns FFmpeg's encoder. Borrows a frame only during load().
/// Thread: one at a time. FFmpeg's encoder may run `num_threads` threads of its own.
/// Errors: Error (encode) with what the encoder logged; std::bad_alloc.
class Encoder {
public:
    using PacketSink = std::function<void(AVPacket&)>;

    /// Open the encoder for frames of `width` x `height`, before they are magnified. Odd sizes of the magnified frames are
    /// padded if the pixel format subsamples chroma.
    Encoder(const EncoderConfig& config, int width, int height, int num_threads);
    ~Encoder();
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;

    /// Convert a frame into the memory of the encoder. `source` is not used afterwards. encode() must follow.
    void load(const FramePixels& source);

    /// Encode the loaded frame and pass the packets that are ready to `sink`. Their times are in units of frames.
    void encode(const PacketSink& sink);

    /// Pass every packet that the encoder still holds to `sink`. Called at most once, after the last frame.
    ///
    /// Errors: also Error (encode) if the encoder has not made one packet per frame.
    void flush(const PacketSink& sink);

    /// Pass every packet that the encoder still holds to `sink`, and free FFmpeg's encoder until the next frame. The
    /// first call opens the encoder for the next run already, to find out whether that is possible, and keeps it.
    ///
    /// Return false, having done nothing, if the encoder cannot be opened a second time: it keeps the statistics of a
    /// whole pass, or it describes its stream differently each time.
    bool drain(const PacketSink& sink);

    /// Whether FFmpeg's encoder is open, and takes the memory and threads of one.
    bool is_open() const noexcept { return avcodec_is_open(context_.get()) != 0; }

    /// Return the number of frames whose packets have not come out yet.
    std::int64_t num_held() const noexcept { return next_pts_ - num_packets_; }

    /// How far the encoder looks ahead. `brief` holds back as few frames as possible without another description of the
    /// stream, at the cost of some compression. Encoders without such a setting ignore it.
    enum class Lookahead { usual, brief };

    /// Set how far the encoder looks ahead from the next drain() on.
    void set_lookahead(Lookahead lookahead) noexcept;
    Lookahead lookahead() const noexcept { return lookahead_; }

    /// Return a context that describes the stream, whether or not FFmpeg's encoder is open.
    const AVCodecContext& context() const noexcept { return *context_; }

private:
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
    FrameSize size_;  // Of the magnified frames, without padding.
    int num_threads_;
    bool can_be_brief_;
    Lookahead lookahead_ = Lookahead::usual;
    CodecContextPtr context_;              // Not open between drain() and the next frame.
    std::vector<std::uint8_t> extradata_;  // Of the first run, as it stands in the header of the file.
    bool can_drain_ = true;
    bool is_proven_ = false;  // A second run had the same extradata.
    FramePtr frame_;
    PacketPtr packet_;
    std::unique_ptr<FrameConverter> converter_;
    std::int64_t next_pts_ = 0;
    std::int64_t run_start_ = 0;   // The first frame of the current run.
    std::int64_t pts_offset_ = 0;  // Added to the times of the current run, which start at 0.
    std::int64_t num_keys_ = 0;    // Key frames among the packets of the current run.
    bool is_last_key_ = false;     // Whether the last packet has a key frame.
    std::int64_t num_packets_ = 0;
    std::int64_t last_dts_ = std::numeric_limits<std::int64_t>::min();
    bool is_flushed_ = false;
};

}  // namespace gymreel

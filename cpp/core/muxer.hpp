#pragma once

#include "codecs.hpp"
#include "ffmpeg_ptr.hpp"
#include "output.hpp"

#include <memory>
#include <string>

namespace gymreel {

/// Key and value of what a file says about itself.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct MuxerConfig {
    std::string muxer;  ///< FFmpeg's name of it.
    Options options;
    Metadata metadata;
    bool flush_packets = false;  ///< Each packet reaches the output before write() returns.
};

/// Packets of one video stream in, bytes of one container out.
///
/// Ownership: borrows the output, which must outlive it.
/// Thread: one at a time.
/// Errors: Error (output). Destroying it without finish() leaves what was written as it is.
class Muxer {
public:
    /// Writes the header. `stream` says what the packets are; their times are in units of `time_base`.
    Muxer(Output& output, const MuxerConfig& config, const AVCodecParameters& stream, AVRational time_base,
          AVRational frame_rate);
    Muxer(const Muxer&) = delete;
    Muxer& operator=(const Muxer&) = delete;

    /// True for mp4 and mov: one format, an index apart from the frames.
    static bool is_mp4(const std::string& muxer) noexcept { return muxer == "mp4" || muxer == "mov"; }

    /// True where codec parameters belong into the header of this container.
    static bool wants_global_header(const std::string& muxer);

    /// Rescales the packet's times; the reference stays the caller's.
    void write(AVPacket& packet);

    /// Writes the trailer, once.
    void finish();

private:
    void check_io(const char* operation) const;

    IoHandle io_;
    OutputContextPtr context_;
    AVRational time_base_;
};

}  // namespace gymreel

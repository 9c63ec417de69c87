#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/ffmpeg/options.hpp"
#include "core/file/integrity_mark.hpp"
#include "core/file/output.hpp"
#include "core/file/packet_writer.hpp"

#include <memory>
#include <optional>
#include <string>

namespace gymreel {

/// Key and value of what a file says about itself.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct MuxerConfig {
    std::string muxer;  ///< FFmpeg's name of it.
    Options options;
    Metadata metadata;
    /// Can be read at any moment: in fragments or clusters, each of which reaches the output in one piece.
    bool is_growing = false;
    bool has_marks = false;  ///< After each of those comes an integrity mark.
};

/// Packets of one video stream in, bytes of one container out.
///
/// Ownership: borrows the output, which must outlive it.
/// Thread: one at a time.
/// Errors: Error (output); after one every call fails, for nothing may follow on a packet that is missing. Destroying it
/// without finish() leaves what was written as it is.
///
/// While it grows, a fragment or cluster ends before a key frame, when it lasts for a quarter of a second, and where
/// end_fragment() is called.
class Muxer final : public PacketWriter {
public:
    /// Writes the header. `stream` says what the packets are; their times are in units of `time_base`.
    Muxer(Output& output, const MuxerConfig& config, const AVCodecParameters& stream, AVRational time_base,
          AVRational frame_rate);

    /// True for mp4 and mov: one format, an index apart from the frames.
    static bool is_mp4(const std::string& muxer) noexcept { return muxer == "mp4" || muxer == "mov"; }

    /// True where codec parameters belong into the header of this container.
    static bool wants_global_header(const std::string& muxer);

    void write(AVPacket& packet) override;
    void end_fragment() override;

    /// Writes what is left, and the trailer. What grows in fragments gets none: it is complete as it is.
    void finish() override;

private:
    bool ends_fragment(const AVPacket& next) const noexcept;
    void write_fragment();
    void check_whole() const;
    void write_mark();
    void check_io(const char* operation) const;

    Output& output_;
    IoHandle io_;
    OutputContextPtr context_;
    AVRational time_base_;
    bool has_fragments_;
    std::int64_t fragment_start_ = AV_NOPTS_VALUE;
    std::optional<MarkChain> marks_;
    bool is_broken_ = false;  // A packet is missing.
};

/// Return whether the linked FFmpeg has the muxer and the muxer accepts what the encoder produces.
///
/// Thread: any. Errors: std::bad_alloc.
bool can_mux(const std::string& muxer, const std::string& encoder);

}  // namespace gymreel

#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/ffmpeg/options.hpp"
#include "core/file/bytes.hpp"
#include "core/file/integrity_mark.hpp"
#include "core/file/io_handle.hpp"
#include "core/file/packet_writer.hpp"

#include <memory>
#include <optional>
#include <string>

namespace gymreel {

/// Keys and values of the metadata in a file.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct MuxerConfig {
    std::string muxer;  ///< FFmpeg's name of the container.
    Options options;
    Metadata metadata;
    /// Whether the file must be readable at any moment. It is then written in fragments or clusters, each in one piece.
    bool is_growing = false;
    bool has_marks = false;  ///< Whether an integrity mark follows each fragment, cluster or picture.
};

/// A writer of the packets of one video stream to a container, by FFmpeg's muxer.
///
/// In a growing file, a fragment or cluster ends before a key frame, after `fragment_time`, and when end_fragment() is
/// called.
///
/// Ownership: borrows the output, which must outlive it. Its destructor writes nothing.
/// Thread: one at a time.
/// Errors: Error (output). After an error every further call fails, because no packet may follow a missing one.
class Muxer final : public PacketWriter {
public:
    /// Writes the header. `stream` describes the packets, whose times are in units of `time_base`.
    Muxer(ByteStore& output, const MuxerConfig& config, const AVCodecParameters& stream, AVRational time_base,
          AVRational frame_rate);

    /// Return whether codec parameters belong in the header of the container.
    ///
    /// Errors: Error (config) if this FFmpeg has no such muxer.
    static bool wants_global_header(const std::string& muxer);

    void write(AVPacket& packet) override;
    void end_fragment() override;

    /// Write what is left, and the trailer. A file in fragments has no trailer: it is complete without one.
    void finish() override;

private:
    bool ends_fragment(const AVPacket& next) const noexcept;
    void write_fragment();
    void check_whole() const;
    void write_mark();
    void check_io(const char* operation) const;

    ByteStore& output_;
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

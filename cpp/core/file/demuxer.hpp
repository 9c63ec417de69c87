#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/file/muxer.hpp"
#include "core/file/output.hpp"

#include <cstdint>
#include <string>

namespace gymreel {

/// Bytes of one of our containers in, the packets of its one video stream out.
///
/// Ownership: borrows the bytes, which must outlive it.
/// Thread: one at a time.
/// Errors: Error (output). What is not sound in the middle may count as the end: see scan_partial().
class Demuxer {
public:
    /// `muxer` is FFmpeg's name of what wrote the container.
    ///
    /// Errors: Error (output): not even the header is complete.
    Demuxer(Output& bytes, const std::string& muxer);
    Demuxer(const Demuxer&) = delete;
    Demuxer& operator=(const Demuxer&) = delete;

    /// Reads the next complete packet; its times are in units of time_base() and the first picture's is 0. False at the
    /// end.
    bool read(AVPacket& packet);

    /// Reads on, and decodes, until it is known what no header tells. Before the first read().
    void probe();

    /// Fills in what FFmpeg does not take from the header: of MPEG-4 in mp4 the size, of VP9 the pixel format.
    void describe(AVPixelFormat format, int width, int height) noexcept;

    const AVStream& stream() const noexcept { return *context_->streams[0]; }
    AVRational time_base() const noexcept { return stream().time_base; }

    /// Frames per second, as the container or else the duration of `packet` tells; 0 where neither does.
    AVRational frame_rate(const AVPacket& packet) const noexcept;

    /// What the file says about itself, less what containers add on their own.
    Metadata metadata() const;

private:
    IoHandle io_;
    InputContextPtr context_;
    PacketFilterPtr extradata_filter_;  // For the first packet.
    bool is_gif_;
    bool keeps_decoding_times_;
    std::int64_t first_pts_ = AV_NOPTS_VALUE;
    std::int64_t num_packets_ = 0;
};

}  // namespace gymreel

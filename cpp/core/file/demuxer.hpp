#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/file/bytes.hpp"
#include "core/file/io_handle.hpp"
#include "core/file/muxer.hpp"

#include <cstdint>
#include <string>

namespace gymreel {

/// A reader of the packets of a container that gymreel wrote, which holds one video stream.
///
/// Ownership: borrows the bytes, which must outlive it.
/// Thread: one at a time.
/// Errors: Error (output), std::bad_alloc. Damage in the middle of the file may look like its end; scan_partial() finds
/// it.
class Demuxer {
public:
    /// `muxer` is FFmpeg's name of the muxer that wrote the container.
    ///
    /// Errors: Error (output) if the header is not complete.
    Demuxer(ByteSource& bytes, const std::string& muxer);
    Demuxer(const Demuxer&) = delete;
    Demuxer& operator=(const Demuxer&) = delete;

    /// Read the next complete packet. Its times are in units of time_base(), and the first picture has the time 0.
    /// Return false at the end.
    bool read(AVPacket& packet);

    /// Read ahead, and decode, to find stream parameters that the header lacks. Call it before the first read().
    void probe();

    /// Set stream parameters that FFmpeg does not take from the header: the size of MPEG-4 in mp4, the pixel format of
    /// VP9. Parameters that are known already stay.
    void describe(AVPixelFormat format, int width, int height) noexcept;

    const AVStream& stream() const noexcept { return *context_->streams[0]; }
    AVRational time_base() const noexcept { return stream().time_base; }

    /// Return the frames per second: from the container, or else from the duration of `packet`, or else 0.
    AVRational frame_rate(const AVPacket& packet) const noexcept;

    /// Return the metadata of the file without the entries that muxers add by themselves.
    Metadata metadata() const;

private:
    IoHandle io_;
    InputContextPtr context_;
    PacketFilterPtr extradata_filter_;  // For the first packet, then null.
    bool is_gif_;
    bool keeps_decoding_times_;
    std::int64_t first_pts_ = AV_NOPTS_VALUE;
    std::int64_t num_packets_ = 0;
};

}  // namespace gymreel

#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/file/bytes.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gymreel {

/// The sound part at the beginning of a partial file.
struct PartialScan {
    /// The header and the packets, without marks, indexes and other elements that point into the file.
    std::vector<Extent> pieces;

    /// The presentation time of each sound packet in units of `tick`, in decoding order. The pictures of these n
    /// packets are the first n that were recorded.
    std::vector<std::int64_t> times;

    AVRational tick{0, 1};
    AVRational frame_rate{0, 1};                   ///< 0 if the times do not tell.
    AVPixelFormat pixel_format = AV_PIX_FMT_NONE;  ///< If the header tells.
    int width = 0;                                 ///< If the header tells.
    int height = 0;                                ///< If the header tells.
    bool has_reordering = true;  ///< False if the header names a codec that decodes in presentation order.
    bool has_header = false;     ///< The header is complete and sound.
    bool has_marks = false;      ///< Without marks only the structure can be checked.
    std::int64_t end = 0;        ///< Where the sound part ends.
    /// What is wrong with the rest. Empty if the rest is what a process leaves that dies at that moment: at most one
    /// incomplete fragment, cluster or picture.
    std::string damage;
};

/// Find the sound part of a file that no process writes to any more. Checks the structure, the order and the times, and
/// every byte if the file has integrity marks. FFmpeg reads nothing of it. The memory it needs is a small multiple of
/// the number of packets and elements.
///
/// `muxer` is FFmpeg's name of the container.
///
/// Thread: one at a time for each file.
/// Errors: Error (output) if the file cannot be read; std::bad_alloc.
PartialScan scan_partial(ByteSource& file, const std::string& muxer);

}  // namespace gymreel

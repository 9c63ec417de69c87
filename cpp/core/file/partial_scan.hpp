#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/file/output.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gymreel {

/// Bytes from `begin` up to `end`.
struct Extent {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

/// What of a partial file can be trusted, from its beginning on.
struct PartialScan {
    /// The header and the packets. Marks, indexes and other things that point into the file are left out.
    std::vector<Extent> pieces;

    /// When the picture in each packet is shown, in units of `tick`, in the order of decoding. The packets that are kept:
    /// of these n the pictures are the first n that were recorded.
    std::vector<std::int64_t> times;

    AVRational tick{0, 1};
    AVRational frame_rate{0, 1};                   ///< 0 where the pictures do not tell.
    AVPixelFormat pixel_format = AV_PIX_FMT_NONE;  ///< Where the header tells.
    int width = 0;                                 ///< Where the header tells.
    int height = 0;
    bool has_reordering = true;  ///< False where the header names a codec whose packets are in the order of showing.
    bool has_header = false;     ///< All of it is there, and sound.
    bool has_marks = false;      ///< Without marks only the structure could be looked at.
    std::int64_t end = 0;        ///< Where the sound part ends.
    /// What is wrong with the rest. Empty where it is what a process leaves that dies at that moment: at most one
    /// fragment, cluster or picture that is not complete.
    std::string damage;
};

/// Looks at a file that nobody writes to any more, without any library: structure, order and times, and where the file
/// has integrity marks, every byte. Needs memory for a small multiple of the
/// number of packets and elements.
///
/// `muxer` is FFmpeg's name of the container.
/// Errors: Error (output) where the file cannot be read; std::bad_alloc.
PartialScan scan_partial(Output& file, const std::string& muxer);

}  // namespace gymreel

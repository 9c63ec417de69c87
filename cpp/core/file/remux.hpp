#pragma once

#include "core/file/bytes.hpp"
#include "core/file/demuxer.hpp"
#include "core/file/muxer.hpp"
#include "core/file/partial_scan.hpp"

#include <cstdint>
#include <string>

namespace gymreel {

/// Return the settings with which a container can be read at any moment while it grows.
MuxerConfig growing_container(const std::string& muxer, const Metadata& metadata);

struct RemuxResult {
    std::uint64_t num_packets = 0;  ///< One per frame.
    AVRational frame_rate{0, 1};    ///< 0 if unknown.
};

/// Copy the packets of a file that has grown to a complete file of the same format, with its index first if the format
/// has one. Nothing is encoded again. Without packets nothing is written.
///
/// `stream` describes the packets.
///
/// Thread: one at a time.
/// Errors: Error (output), std::bad_alloc.
RemuxResult remux(Demuxer& from, ByteStore& to, const std::string& muxer, const Metadata& metadata,
                  CodecParametersPtr stream);

/// Copy the packets that a scan has found to be sound, and no others. `from` reads the pieces of `scan`. The
/// description of the stream is taken from the header; a frame is decoded only if the codec is one that gymreel does
/// not choose by itself.
///
/// Thread: one at a time.
/// Errors: Error (output), also if FFmpeg finds other packets than the scan; std::bad_alloc.
RemuxResult remux_sound_part(Demuxer& from, ByteStore& to, const std::string& muxer, const PartialScan& scan);

}  // namespace gymreel

#pragma once

#include "core/file/demuxer.hpp"
#include "core/file/muxer.hpp"
#include "core/file/output.hpp"
#include "core/file/partial_scan.hpp"

#include <cstdint>
#include <string>

namespace gymreel {

/// What a container needs to know while it grows, so that it can be read at any moment.
MuxerConfig growing_container(const std::string& muxer, const Metadata& metadata);

struct RemuxResult {
    std::uint64_t num_packets = 0;  ///< One for each frame.
    AVRational frame_rate{0, 1};    ///< 0 where nothing tells.
};

/// Copies the packets of a file that has grown into one of the same kind that is in one piece, index first where the
/// container has one. Nothing is encoded again.
///
/// `stream` says what the packets are. Without any packet nothing is written.
/// Thread: one at a time.
/// Errors: Error (output), std::bad_alloc.
RemuxResult remux(Demuxer& from, Output& to, const std::string& muxer, const Metadata& metadata,
                  CodecParametersPtr stream);

/// The same for the packets that a scan has found to be sound, and no others. What the packets are is taken from the
/// header; only of codecs that gymreel does not choose by itself one is decoded.
///
/// `from` reads the pieces of `scan`.
/// Thread: one at a time.
/// Errors: Error (output), also where FFmpeg finds other packets than the scan; std::bad_alloc.
RemuxResult remux_sound_part(Demuxer& from, Output& to, const std::string& muxer, const PartialScan& scan);

}  // namespace gymreel

#pragma once

#include "demuxer.hpp"
#include "muxer.hpp"
#include "output.hpp"

#include <cstdint>
#include <string>

namespace gymreel {

/// What a container needs to know while it grows, so that it can be read at any moment.
MuxerConfig growing_container(const std::string& muxer, const Metadata& metadata, AVRational frame_rate);

struct RemuxResult {
    std::uint64_t num_packets = 0;  ///< One for each frame.
    AVRational frame_rate{0, 1};    ///< 0 where nothing tells.
};

/// Copies the packets of a file that has grown into one of the same kind that is in one piece, index first where the
/// container has one. Nothing is encoded again.
///
/// `stream` says what the packets are, where it is known: it saves decoding some. Without any packet nothing is written.
/// Thread: one at a time.
/// Errors: Error (output), std::bad_alloc.
RemuxResult remux(Demuxer& from, Output& to, const std::string& muxer, const Metadata& metadata,
                  CodecParametersPtr stream = nullptr);

}  // namespace gymreel

#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"

namespace gymreel {

/// A writer of the packets of one video stream to a container that can be read while it grows.
///
/// Thread: one at a time.
/// Errors: Error (output).
class PacketWriter {
public:
    PacketWriter() = default;
    virtual ~PacketWriter() = default;
    PacketWriter(const PacketWriter&) = delete;
    PacketWriter& operator=(const PacketWriter&) = delete;

    /// Write a packet. Its times are rescaled in place; the reference to its data stays with the caller.
    virtual void write(AVPacket& packet) = 0;

    /// Make every packet so far readable from the output.
    virtual void end_fragment() = 0;

    /// Write the end of the container. Called once.
    virtual void finish() = 0;
};

}  // namespace gymreel

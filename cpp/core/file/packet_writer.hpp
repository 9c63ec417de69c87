#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"

namespace gymreel {

/// Packets of one video stream in, bytes of a container out that can be read while it grows.
///
/// Thread: one at a time. Errors: Error (output).
class PacketWriter {
public:
    PacketWriter() = default;
    virtual ~PacketWriter() = default;
    PacketWriter(const PacketWriter&) = delete;
    PacketWriter& operator=(const PacketWriter&) = delete;

    /// Rescales the packet's times; the reference stays the caller's.
    virtual void write(AVPacket& packet) = 0;

    /// Every packet so far can be read from the output when this returns.
    virtual void end_fragment() = 0;

    /// Writes what belongs to the end, once.
    virtual void finish() = 0;
};

}  // namespace gymreel

#pragma once

#include "core/file/bytes.hpp"
#include "core/file/integrity_mark.hpp"
#include "core/file/packet_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace gymreel {

/// A writer of GIF that writes each picture at once. FFmpeg's muxer holds each picture back until the next one tells
/// how long it is shown; at a constant frame rate that is known beforehand.
///
/// Ownership: borrows the output, which must outlive it.
/// Thread: one at a time.
/// Errors: Error (output). After an error every further call fails, because no picture may follow a missing one.
class GifAppender final : public PacketWriter {
public:
    /// `has_marks`: whether to write an integrity mark after each picture.
    GifAppender(ByteStore& output, AVRational time_base, bool has_marks);

    void write(AVPacket& packet) override;
    void end_fragment() override {}  // Each picture is a fragment of its own.
    void finish() override;

private:
    void begin();
    void write_mark();
    void append(const std::uint8_t* bytes, std::size_t size);

    ByteStore& output_;
    AVRational time_base_;
    std::int64_t position_ = 0;
    std::optional<MarkChain> marks_;
    bool is_broken_ = false;  // A picture is missing.
};

}  // namespace gymreel

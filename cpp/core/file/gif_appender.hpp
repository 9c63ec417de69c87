#pragma once

#include "core/file/integrity_mark.hpp"
#include "core/file/output.hpp"
#include "core/file/packet_writer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace gymreel {

/// A GIF that grows. FFmpeg's muxer keeps each picture until it knows how long it is shown, which is when the next one
/// comes; at a constant frame rate that is known before.
///
/// Ownership: borrows the output, which must outlive it.
class GifAppender final : public PacketWriter {
public:
    /// `has_marks`: an integrity mark comes after each picture.
    GifAppender(Output& output, AVRational time_base, bool has_marks);

    void write(AVPacket& packet) override;
    void end_fragment() override {}  // Each picture is one.
    void finish() override;

private:
    void begin();
    void write_mark();
    void append(const std::uint8_t* bytes, std::size_t size);

    Output& output_;
    AVRational time_base_;
    std::int64_t position_ = 0;
    std::optional<MarkChain> marks_;
    bool is_broken_ = false;  // A picture is missing.
};

}  // namespace gymreel

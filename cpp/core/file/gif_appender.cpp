#include "core/file/gif_appender.hpp"

#include "core/ffmpeg/av_error.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace gymreel {
namespace {

// GIF89a specification, sections 17, 18, 23 and 27. The first packet of the encoder begins with the header.
constexpr std::size_t header_size = 13;
constexpr std::size_t flags_offset = 10;
constexpr std::array<std::uint8_t, 19> repeat_for_ever{0x21, 0xFF, 11,  'N', 'E', 'T', 'S', 'C', 'A', 'P',
                                                       'E',  '2',  '.', '0', 3,   1,   0,   0,   0};
constexpr std::array<std::uint8_t, 3> graphic_control{0x21, 0xF9, 4};
constexpr std::size_t delay_offset = 4;  // In the graphic control extension.
constexpr std::uint8_t trailer = 0x3B;

[[noreturn]] void refuse() {
    throw Error({ErrorKind::output,
                 AVERROR_INVALIDDATA,
                 "write a packet",
                 "the encoder wrote a GIF of unknown structure",
                 {},
                 {}});
}

std::size_t size_of_header(const std::uint8_t* bytes, std::size_t size) {
    if (size < header_size || std::string_view(reinterpret_cast<const char*>(bytes), 3) != "GIF") refuse();
    const std::uint8_t flags = bytes[flags_offset];
    const std::size_t palette_size = (flags & 0x80) != 0 ? std::size_t{6} << (flags & 7) : 0;
    if (size < header_size + palette_size) refuse();
    return header_size + palette_size;
}

}  // namespace

GifAppender::GifAppender(ByteStore& output, AVRational time_base, bool has_marks)
    : output_(output), time_base_(time_base) {
    if (has_marks) marks_.emplace("gif");
}

void GifAppender::write(AVPacket& packet) {
    begin();
    const std::uint8_t* const bytes = packet.data;
    const auto size = static_cast<std::size_t>(packet.size);
    std::size_t written = 0;
    if (position_ == 0) {
        written = size_of_header(bytes, size);
        append(bytes, written);
        append(repeat_for_ever.data(), repeat_for_ever.size());
    }
    const auto* const control =
        std::search(bytes + written, bytes + size, graphic_control.begin(), graphic_control.end());
    const auto delay_at = static_cast<std::size_t>(control - bytes) + delay_offset;
    if (delay_at + 2 > size) refuse();
    // Rounded such that the sum of all delays is the time of the next picture.
    constexpr AVRational centiseconds{1, 100};
    const auto delay = static_cast<unsigned>(av_rescale_q(packet.pts + packet.duration, time_base_, centiseconds) -
                                             av_rescale_q(packet.pts, time_base_, centiseconds));
    append(bytes + written, delay_at - written);
    const std::array<std::uint8_t, 2> little_endian{static_cast<std::uint8_t>(delay & 0xFF),
                                                    static_cast<std::uint8_t>(delay >> 8)};
    append(little_endian.data(), little_endian.size());
    append(bytes + delay_at + 2, size - delay_at - 2);
    write_mark();
    is_broken_ = false;
}

void GifAppender::finish() {
    begin();
    append(&trailer, 1);
    write_mark();
}

/// Check that no picture is missing. The file counts as broken until the caller has succeeded.
void GifAppender::begin() {
    if (is_broken_) throw Error(ErrorKind::output, "write a packet", "an earlier packet could not be written");
    is_broken_ = true;
}

void GifAppender::write_mark() {
    if (!marks_) return;
    const MarkChain::Mark mark = marks_->at(output_, position_);
    append(mark.bytes.data(), static_cast<std::size_t>(mark.size));
    marks_->pass();
}

void GifAppender::append(const std::uint8_t* bytes, std::size_t size) {
    check(output_.write_at(position_, bytes, static_cast<int>(size)), "write a packet", ErrorKind::output);
    position_ += static_cast<std::int64_t>(size);
}

}  // namespace gymreel

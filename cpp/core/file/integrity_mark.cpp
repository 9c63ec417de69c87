#include "core/file/integrity_mark.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/file/container_kind.hpp"

extern "C" {
#include <libavutil/murmur3.h>
}

#include <algorithm>
#include <new>

namespace gymreel {
namespace {

constexpr std::int64_t content_size = mark_signature.size() + 2 * sizeof(std::uint64_t);

std::uint64_t from_big_endian(const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
    return value;
}

}  // namespace

MarkChain::MarkChain(const std::string& muxer) : hasher_(av_murmur3_alloc()) {
    if (!hasher_) throw std::bad_alloc();
    constexpr auto size = static_cast<std::uint8_t>(content_size);
    switch (container_kind(muxer)) {
        case ContainerKind::mp4: beginning_ = {0, 0, 0, 8 + size, 'u', 'u', 'i', 'd'}; break;
        case ContainerKind::matroska: beginning_ = {0xEC, 0x80 | size}; break;
        case ContainerKind::gif:
            beginning_ = {0x21, 0xFF, 11, 'G', 'Y', 'M', 'R', 'E', 'E', 'L', ' ', '1', '.', '0', size};
            ending_ = {0};
            break;
    }
    beginning_.insert(beginning_.end(), mark_signature.begin(), mark_signature.end());
}

std::int64_t MarkChain::size() const noexcept {
    constexpr std::size_t numbers_size = content_size - mark_signature.size();
    return static_cast<std::int64_t>(beginning_.size() + numbers_size + ending_.size());
}

std::uint64_t MarkChain::hash_of(ByteSource& bytes, std::int64_t begin, std::int64_t end) {
    av_murmur3_init_seeded(hasher_.get(), hash_);
    constexpr std::int64_t chunk = 1 << 14;
    std::array<std::uint8_t, chunk> buffer;
    while (begin < end) {
        const int count = bytes.read_at(begin, buffer.data(), static_cast<int>(std::min(chunk, end - begin)));
        check(count == 0 ? AVERROR_EOF : count, "hash the partial file", ErrorKind::output);
        av_murmur3_update(hasher_.get(), buffer.data(), static_cast<std::size_t>(count));
        begin += count;
    }
    std::array<std::uint8_t, 16> digest;
    av_murmur3_final(hasher_.get(), digest.data());
    return from_big_endian(digest.data());
}

MarkChain::Mark MarkChain::at(ByteSource& bytes, std::int64_t position) {
    next_begin_ = position;
    next_hash_ = hash_of(bytes, begin_, position);
    Mark mark;
    const auto append = [&](std::uint8_t byte) { mark.bytes[static_cast<std::size_t>(mark.size++)] = byte; };
    for (const std::uint8_t byte : beginning_) append(byte);
    for (const std::uint64_t number : {static_cast<std::uint64_t>(position), next_hash_}) {
        for (int shift = 56; shift >= 0; shift -= 8) append(static_cast<std::uint8_t>(number >> shift));
    }
    for (const std::uint8_t byte : ending_) append(byte);
    return mark;
}

void MarkChain::pass() noexcept {
    begin_ = next_begin_;
    hash_ = next_hash_;
    end_ = begin_ + size();
}

}  // namespace gymreel

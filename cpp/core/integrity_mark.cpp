#include "integrity_mark.hpp"

#include "av_error.hpp"
#include "muxer.hpp"

extern "C" {
#include <libavutil/murmur3.h>
}

#include <algorithm>
#include <new>

namespace gymreel {
namespace {

constexpr std::int64_t content_size = mark_signature.size() + 2 * sizeof(std::uint64_t);

using HashPtr = std::unique_ptr<AVMurMur3, FFmpegDeleter<av_free>>;

std::uint64_t from_big_endian(const std::uint8_t* bytes) {
    std::uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
    return value;
}

void append_big_endian(std::vector<std::uint8_t>& bytes, std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
}

std::uint64_t hash_of(Output& bytes, std::int64_t begin, std::int64_t end, std::uint64_t seed) {
    const HashPtr hash(av_murmur3_alloc());
    if (!hash) throw std::bad_alloc();
    av_murmur3_init_seeded(hash.get(), seed);
    constexpr std::int64_t chunk = 1 << 14;
    std::array<std::uint8_t, chunk> buffer;
    while (begin < end) {
        const int count = bytes.read_at(begin, buffer.data(), static_cast<int>(std::min(chunk, end - begin)));
        check(count == 0 ? AVERROR_EOF : count, "read back the partial file", ErrorKind::output);
        av_murmur3_update(hash.get(), buffer.data(), static_cast<std::size_t>(count));
        begin += count;
    }
    std::array<std::uint8_t, 16> digest;
    av_murmur3_final(hash.get(), digest.data());
    return from_big_endian(digest.data());
}

}  // namespace

MarkChain::MarkChain(const std::string& muxer) {
    constexpr auto size = static_cast<std::uint8_t>(content_size);
    if (Muxer::is_mp4(muxer)) {
        beginning_ = {0, 0, 0, 8 + size, 'u', 'u', 'i', 'd'};
    } else if (muxer == "gif") {
        beginning_ = {0x21, 0xFF, 11, 'G', 'Y', 'M', 'R', 'E', 'E', 'L', ' ', '1', '.', '0', size};
        ending_ = {0};
    } else {
        beginning_ = {0xEC, 0x80 | size};
    }
    beginning_.insert(beginning_.end(), mark_signature.begin(), mark_signature.end());
}

std::int64_t MarkChain::size() const noexcept {
    constexpr std::size_t numbers_size = content_size - mark_signature.size();
    return static_cast<std::int64_t>(beginning_.size() + numbers_size + ending_.size());
}

MarkChain::Mark MarkChain::at(Output& bytes, std::int64_t position) {
    next_begin_ = position;
    next_hash_ = hash_of(bytes, begin_, position, hash_);
    Mark mark = beginning_;
    append_big_endian(mark, static_cast<std::uint64_t>(position));
    append_big_endian(mark, next_hash_);
    mark.insert(mark.end(), ending_.begin(), ending_.end());
    return mark;
}

void MarkChain::pass() noexcept {
    begin_ = next_begin_;
    hash_ = next_hash_;
    end_ = begin_ + size();
}

}  // namespace gymreel

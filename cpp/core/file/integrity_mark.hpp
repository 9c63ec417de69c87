#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/file/bytes.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct AVMurMur3;

namespace gymreel {

/// The first bytes of the content of every mark, in each container.
constexpr std::array<std::uint8_t, 16> mark_signature{'g', 'y', 'm', 'r', 'e',  'e',  'l',  ' ',
                                                      'm', 'a', 'r', 'k', 0xA7, 0x1C, 0xE5, 0x02};

/// The integrity marks of a growing file. One follows the header and each fragment, cluster or picture. A mark holds
/// its own position and a hash of everything before it. So recovery can tell bytes that were written from bytes that
/// changed later, and detect pieces that are missing, moved or repeated. Players skip marks: a mark is a `uuid` box in
/// mp4 and mov, a Void element in Matroska and an application extension in GIF.
///
/// The hash (MurmurHash3 with 128 bits, of which 64 are kept) detects accidents. It does not protect from forged files.
///
/// Ownership: borrows nothing between calls.
/// Thread: one at a time.
class MarkChain {
public:
    struct Mark {
        std::array<std::uint8_t, 48> bytes{};
        int size = 0;
    };

    /// `muxer` is FFmpeg's name of the container.
    ///
    /// Errors: std::bad_alloc.
    explicit MarkChain(const std::string& muxer);

    /// Return the mark that belongs at `position`. Reads the bytes between the previous mark and there, and allocates
    /// nothing.
    ///
    /// Errors: Error (output) if the bytes cannot be read.
    Mark at(ByteSource& bytes, std::int64_t position);

    /// Accept the mark that at() returned last as being in its place. The next mark will cover it.
    void pass() noexcept;

    /// Return where the last mark ends, 0 before the first.
    std::int64_t end() const noexcept { return end_; }

    /// Return the bytes that every mark begins with, the signature included.
    const std::vector<std::uint8_t>& beginning() const noexcept { return beginning_; }

    /// Return the size of a mark in bytes.
    std::int64_t size() const noexcept;

private:
    using HashPtr = std::unique_ptr<AVMurMur3, FFmpegDeleter<av_free>>;

    std::uint64_t hash_of(ByteSource& bytes, std::int64_t begin, std::int64_t end);

    HashPtr hasher_;
    std::vector<std::uint8_t> beginning_;
    std::vector<std::uint8_t> ending_;
    std::int64_t begin_ = 0;  // Of the last mark.
    std::int64_t end_ = 0;    // Of the last mark.
    std::uint64_t hash_ = 0;  // In the last mark.
    std::int64_t next_begin_ = 0;
    std::uint64_t next_hash_ = 0;
};

}  // namespace gymreel

#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/file/output.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct AVMurMur3;

namespace gymreel {

/// Begins the content of every mark, in each container.
constexpr std::array<std::uint8_t, 16> mark_signature{'g', 'y', 'm', 'r', 'e',  'e',  'l',  ' ',
                                                      'm', 'a', 'r', 'k', 0xA7, 0x1C, 0xE5, 0x02};

/// The marks that a growing file gets after its header and after every fragment, cluster or picture. Each holds its
/// position and a hash of all that comes before it, so that what is read later can be told from what was written: bits
/// that flipped, and pieces that are missing, moved or repeated. Players skip a mark: it is a `uuid` box in mp4 and mov,
/// a Void element in Matroska and an application extension in GIF.
///
/// The hash (MurmurHash3, 128 bits, of which 64 are kept) finds accidents; it is no protection from somebody who makes up
/// a file.
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

    /// The mark that belongs at `position`, for the bytes between the last mark and there.
    ///
    /// Errors: Error (output) where they cannot be read. Needs no memory.
    Mark at(Output& bytes, std::int64_t position);

    /// That mark is in its place: the next one vouches for what follows, and for it.
    void pass() noexcept;

    /// Where the last mark ends, 0 before the first.
    std::int64_t end() const noexcept { return end_; }

    /// What a mark begins with, the signature included.
    const std::vector<std::uint8_t>& beginning() const noexcept { return beginning_; }

    /// The size of a mark in bytes.
    std::int64_t size() const noexcept;

private:
    using HashPtr = std::unique_ptr<AVMurMur3, FFmpegDeleter<av_free>>;

    std::uint64_t hash_of(Output& bytes, std::int64_t begin, std::int64_t end);

    HashPtr hasher_;
    std::vector<std::uint8_t> beginning_;
    std::vector<std::uint8_t> ending_;
    std::int64_t begin_ = 0;  // Of the last mark.
    std::int64_t end_ = 0;
    std::uint64_t hash_ = 0;
    std::int64_t next_begin_ = 0;
    std::uint64_t next_hash_ = 0;
};

}  // namespace gymreel

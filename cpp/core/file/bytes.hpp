#pragma once

#include <cstdint>

namespace gymreel {

/// The bytes from position `begin` up to, but not including, position `end`.
struct Extent {
    std::int64_t begin = 0;
    std::int64_t end = 0;
};

/// Bytes that can be read at any position. There is no cursor, so several readers can share one source.
///
/// Thread: one at a time.
/// Errors: read_at() is called from C, so it returns a negative AVERROR and never throws.
class ByteSource {
public:
    ByteSource() = default;
    virtual ~ByteSource() = default;
    ByteSource(const ByteSource&) = delete;
    ByteSource& operator=(const ByteSource&) = delete;

    /// Read up to `size` bytes. Return how many were read, 0 at the end, or a negative AVERROR.
    virtual int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept = 0;

    /// Return the number of bytes, up to the last one that was written.
    virtual std::int64_t size() const noexcept = 0;
};

/// Bytes that can also be written at any position.
class ByteStore : public ByteSource {
public:
    /// Write all of `size` bytes. Return `size`, or a negative AVERROR.
    virtual int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept = 0;
};

}  // namespace gymreel

#pragma once

#include "core/file/bytes.hpp"

#include <cstdint>
#include <vector>

namespace gymreel {

/// A buffered reader of numbers and patterns at any position.
///
/// Ownership: borrows the bytes, which must outlive it.
/// Thread: one at a time.
/// Errors: Error (output) if the bytes cannot be read; std::bad_alloc.
class ByteReader {
public:
    explicit ByteReader(ByteSource& bytes) : bytes_(bytes), buffer_(largest_view) {}

    static constexpr int largest_view = 1 << 16;

    std::int64_t size() const noexcept { return bytes_.size(); }
    ByteSource& bytes() const noexcept { return bytes_; }

    /// Return `count` bytes (at most largest_view) at `position`, or null if the bytes end before. They are valid until
    /// the next call.
    const std::uint8_t* view(std::int64_t position, int count);

    /// Return a big-endian number of `count` bytes, or 0 if the bytes end before.
    std::uint64_t number(std::int64_t position, int count);

    /// Return the position of the first occurrence of `pattern` in an extent, or -1.
    std::int64_t find(const std::vector<std::uint8_t>& pattern, Extent extent);

private:
    ByteSource& bytes_;
    std::vector<std::uint8_t> buffer_;
    std::int64_t buffer_begin_ = 0;
    std::int64_t buffer_size_ = 0;
};

}  // namespace gymreel

#pragma once

#include "core/file/bytes.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace gymreel {

/// A recording in memory, for encode().
class MemoryOutput final : public ByteStore {
public:
    int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept override;
    int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept override;
    std::int64_t size() const noexcept override { return static_cast<std::int64_t>(bytes_.size()); }

    /// Return the bytes and keep none.
    std::vector<std::uint8_t> take_bytes() noexcept { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

}  // namespace gymreel

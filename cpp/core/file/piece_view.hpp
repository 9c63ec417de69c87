#pragma once

#include "core/file/bytes.hpp"

#include <cstdint>
#include <vector>

namespace gymreel {

/// Some pieces of a file, read one after the other as if nothing else were in it.
///
/// Ownership: borrows the file and the pieces, which must outlive it.
/// Thread: one at a time.
class PieceView final : public ByteSource {
public:
    /// Errors: std::bad_alloc.
    PieceView(ByteSource& file, const std::vector<Extent>& pieces);

    int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept override;
    std::int64_t size() const noexcept override { return size_; }

private:
    ByteSource& file_;
    const std::vector<Extent>& pieces_;
    std::vector<std::int64_t> begins_;  // Where each piece begins in the view.
    std::int64_t size_ = 0;
};

}  // namespace gymreel

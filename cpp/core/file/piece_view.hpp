#pragma once

#include "core/file/output.hpp"
#include "core/file/partial_scan.hpp"

#include <cstdint>
#include <vector>

namespace gymreel {

/// Some pieces of a file, one after the other, as if nothing else were in it. Nothing can be written to it.
///
/// Ownership: borrows the file and the pieces, which must outlive it.
class PieceView final : public Output {
public:
    /// Errors: std::bad_alloc.
    PieceView(Output& file, const std::vector<Extent>& pieces);

    int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept override;
    int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept override;
    std::int64_t size() const noexcept override { return size_; }

private:
    Output& file_;
    const std::vector<Extent>& pieces_;
    std::vector<std::int64_t> begins_;  // Of each piece, in the view.
    std::int64_t size_ = 0;
};

}  // namespace gymreel

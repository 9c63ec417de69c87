#include "core/file/piece_view.hpp"

#include <algorithm>

namespace gymreel {

PieceView::PieceView(ByteSource& file, const std::vector<Extent>& pieces) : file_(file), pieces_(pieces) {
    begins_.reserve(pieces.size());
    for (const Extent& piece : pieces) {
        begins_.push_back(size_);
        size_ += piece.end - piece.begin;
    }
}

int PieceView::read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept {
    if (position < 0 || position >= size_) return 0;
    int num_read = 0;
    auto index =
        static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), position) - begins_.begin()) - 1;
    for (; num_read < size && index < pieces_.size(); ++index) {
        const std::int64_t offset = position + num_read - begins_[index];
        const std::int64_t left = pieces_[index].end - pieces_[index].begin - offset;
        const auto wanted = static_cast<int>(std::min<std::int64_t>(size - num_read, left));
        const int result = file_.read_at(pieces_[index].begin + offset, buffer + num_read, wanted);
        if (result < 0) return result;
        num_read += result;
        if (result < wanted) break;
    }
    return num_read;
}

}  // namespace gymreel

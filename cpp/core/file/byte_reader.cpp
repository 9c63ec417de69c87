#include "core/file/byte_reader.hpp"

#include "core/ffmpeg/av_error.hpp"

extern "C" {
#include <libavutil/error.h>
}

#include <algorithm>

namespace gymreel {

const std::uint8_t* ByteReader::view(std::int64_t position, int count) {
    if (position < 0 || count > size() - position) return nullptr;
    if (position < buffer_begin_ || position + count > buffer_begin_ + buffer_size_) {
        buffer_begin_ = position;
        buffer_size_ = 0;
        while (buffer_size_ < count) {
            const int read = bytes_.read_at(position + buffer_size_, buffer_.data() + buffer_size_,
                                            largest_view - static_cast<int>(buffer_size_));
            check(read == 0 ? AVERROR_EOF : read, "read the partial file", ErrorKind::output);
            buffer_size_ += read;
        }
    }
    return buffer_.data() + (position - buffer_begin_);
}

std::uint64_t ByteReader::number(std::int64_t position, int count) {
    const std::uint8_t* const bytes = view(position, count);
    std::uint64_t value = 0;
    for (int i = 0; bytes != nullptr && i < count; ++i) value = value << 8 | bytes[i];
    return value;
}

std::int64_t ByteReader::find(const std::vector<std::uint8_t>& pattern, Extent extent) {
    const auto length = static_cast<std::int64_t>(pattern.size());
    const std::int64_t end = std::min(extent.end, size());
    for (std::int64_t begin = extent.begin; begin + length <= end;) {
        const auto count = static_cast<int>(std::min<std::int64_t>(largest_view, end - begin));
        const std::uint8_t* const window = view(begin, count);
        const std::uint8_t* const found = std::search(window, window + count, pattern.begin(), pattern.end());
        if (found != window + count) return begin + (found - window);
        begin += count - length + 1;
    }
    return -1;
}

}  // namespace gymreel

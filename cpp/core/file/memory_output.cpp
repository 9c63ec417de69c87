#include "core/file/memory_output.hpp"

extern "C" {
#include <libavutil/error.h>
}

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>

namespace gymreel {

int MemoryOutput::read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept {
    const std::int64_t count = std::min<std::int64_t>(size, std::max<std::int64_t>(0, this->size() - position));
    if (count > 0) std::memcpy(buffer, bytes_.data() + position, static_cast<std::size_t>(count));
    return static_cast<int>(count);
}

int MemoryOutput::write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept {
    const auto end = static_cast<std::size_t>(position + size);
    try {
        if (end > bytes_.size()) bytes_.resize(end);
    } catch (const std::exception&) {
        return AVERROR(ENOMEM);
    }
    std::memcpy(bytes_.data() + position, buffer, static_cast<std::size_t>(size));
    return size;
}

}  // namespace gymreel

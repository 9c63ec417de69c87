#include "core/file/io_handle.hpp"

#include "core/ffmpeg/ffmpeg_features.hpp"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>

namespace gymreel {

IoHandle::IoHandle(ByteSource& source, ByteStore* store) : source_(source), store_(store) {
    constexpr int buffer_size = 1 << 16;
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(buffer_size));
    if (buffer == nullptr) throw std::bad_alloc();
#if GYMREEL_FFMPEG_AVIO_WRITES_CONST
    const auto write_packet = &IoHandle::write;
#else
    const auto write_packet = [](void* self, std::uint8_t* data, int size) { return write(self, data, size); };
#endif
    io_.reset(avio_alloc_context(buffer, buffer_size, store != nullptr ? 1 : 0, this, &IoHandle::read, write_packet,
                                 &IoHandle::seek));
    if (!io_) {
        av_free(buffer);
        throw std::bad_alloc();
    }
}

void IoHandle::serve_reopening(AVFormatContext* context, ByteStore& store) {
    context->opaque = &store;
    context->io_open = [](AVFormatContext* format, AVIOContext** io, const char*, int flags, AVDictionary**) -> int {
        auto& bytes = *static_cast<ByteStore*>(format->opaque);
        try {
            auto handle = (flags & AVIO_FLAG_WRITE) != 0 ? std::make_unique<IoHandle>(bytes, writable)
                                                         : std::make_unique<IoHandle>(bytes);
            *io = handle.release()->get();  // io_close2 gets the handle back through `opaque` and frees it.
        } catch (const std::exception&) {
            return AVERROR(ENOMEM);
        }
        return 0;
    };
    context->io_close2 = [](AVFormatContext*, AVIOContext* io) -> int {
        const std::unique_ptr<IoHandle> handle(static_cast<IoHandle*>(io->opaque));
        avio_flush(io);
        return io->error;
    };
}

int IoHandle::read(void* self, std::uint8_t* buffer, int size) noexcept {
    auto& handle = *static_cast<IoHandle*>(self);
    const int count = handle.source_.read_at(handle.position_, buffer, size);
    if (count == 0) return AVERROR_EOF;
    if (count > 0) handle.position_ += count;
    return count;
}

int IoHandle::write(void* self, const std::uint8_t* buffer, int size) noexcept {
    auto& handle = *static_cast<IoHandle*>(self);
    if (handle.store_ == nullptr) return AVERROR(EROFS);
    const int count = handle.store_->write_at(handle.position_, buffer, size);
    if (count > 0) handle.position_ += count;
    return count;
}

std::int64_t IoHandle::seek(void* self, std::int64_t offset, int whence) noexcept {
    auto& handle = *static_cast<IoHandle*>(self);
    switch (whence & ~AVSEEK_FORCE) {
        case AVSEEK_SIZE: return handle.source_.size();
        case SEEK_SET: handle.position_ = offset; break;
        case SEEK_CUR: handle.position_ += offset; break;
        case SEEK_END: handle.position_ = handle.source_.size() + offset; break;
        default: return AVERROR(EINVAL);
    }
    return handle.position_;
}

}  // namespace gymreel

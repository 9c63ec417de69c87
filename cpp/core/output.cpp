#include "output.hpp"

#include "av_error.hpp"
#include "ffmpeg_features.hpp"

extern "C" {
#include <libavutil/error.h>
}

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>

#include <fcntl.h>
#ifdef _WIN32
#include <io.h>
#include <sys/stat.h>
#else
#include <unistd.h>
#endif

namespace gymreel {
namespace {

#ifdef _WIN32

int open_new(const std::filesystem::path& path) {
    return _wopen(path.c_str(), _O_RDWR | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
}
int close_file(int descriptor) { return _close(descriptor); }
int sync_file(int descriptor) { return _commit(descriptor); }
int read_some(int descriptor, std::int64_t position, std::uint8_t* buffer, int size) {
    return _lseeki64(descriptor, position, SEEK_SET) < 0 ? -1 : _read(descriptor, buffer, size);
}
int write_some(int descriptor, std::int64_t position, const std::uint8_t* buffer, int size) {
    return _lseeki64(descriptor, position, SEEK_SET) < 0 ? -1 : _write(descriptor, buffer, size);
}

#else

int open_new(const std::filesystem::path& path) {
    constexpr int permissions = 0666;  // The umask takes away what it must.
    return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, permissions);
}
int close_file(int descriptor) { return ::close(descriptor); }
int sync_file(int descriptor) { return ::fsync(descriptor); }
int read_some(int descriptor, std::int64_t position, std::uint8_t* buffer, int size) {
    return static_cast<int>(::pread(descriptor, buffer, static_cast<std::size_t>(size), position));
}
int write_some(int descriptor, std::int64_t position, const std::uint8_t* buffer, int size) {
    return static_cast<int>(::pwrite(descriptor, buffer, static_cast<std::size_t>(size), position));
}

#endif

}  // namespace

FileOutput::FileOutput(const std::filesystem::path& path) : descriptor_(open_new(path)) {
    if (descriptor_ < 0) check(AVERROR(errno), "open the output file", ErrorKind::output);
}

FileOutput::~FileOutput() {
    if (descriptor_ >= 0) close_file(descriptor_);
}

int FileOutput::read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept {
    int result = 0;
    do {
        result = read_some(descriptor_, position, buffer, size);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? AVERROR(errno) : result;
}

int FileOutput::write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept {
    int written = 0;
    while (written < size) {
        const int result = write_some(descriptor_, position + written, buffer + written, size - written);
        if (result < 0 && errno == EINTR) continue;
        if (result < 0) return AVERROR(errno);
        if (result == 0) return AVERROR(ENOSPC);
        written += result;
        size_ = std::max(size_, position + written);
    }
    return written;
}

void FileOutput::sync_and_close() {
    const int descriptor = std::exchange(descriptor_, -1);
    const int sync_error = sync_file(descriptor) < 0 ? errno : 0;
    const int close_error = close_file(descriptor) < 0 ? errno : 0;
    // Pipes and some network file systems cannot sync; that is no loss.
    if (sync_error != 0 && sync_error != EINVAL && sync_error != ENOTSUP) {
        check(AVERROR(sync_error), "sync the output file", ErrorKind::output);
    }
    if (close_error != 0 && close_error != EINTR) {
        check(AVERROR(close_error), "close the output file", ErrorKind::output);
    }
}

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

IoHandle::IoHandle(Output& output, Mode mode) : output_(output) {
    constexpr int buffer_size = 1 << 16;
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(buffer_size));
    if (buffer == nullptr) throw std::bad_alloc();
#if GYMREEL_FFMPEG_AVIO_WRITES_CONST
    const auto write_packet = &IoHandle::write;
#else
    const auto write_packet = [](void* self, std::uint8_t* data, int size) { return write(self, data, size); };
#endif
    io_.reset(avio_alloc_context(buffer, buffer_size, mode == Mode::write ? 1 : 0, this, &IoHandle::read, write_packet,
                                 &IoHandle::seek));
    if (!io_) {
        av_free(buffer);
        throw std::bad_alloc();
    }
}

void IoHandle::serve_reopening(AVFormatContext* context) {
    context->opaque = &output_;
    context->io_open = [](AVFormatContext* format, AVIOContext** io, const char*, int flags, AVDictionary**) -> int {
        auto& output = *static_cast<Output*>(format->opaque);
        try {
            const Mode mode = (flags & AVIO_FLAG_WRITE) != 0 ? Mode::write : Mode::read;
            // FFmpeg holds the handle until io_close2, which finds it again through `opaque`.
            *io = std::make_unique<IoHandle>(output, mode).release()->get();
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
    const int count = handle.output_.read_at(handle.position_, buffer, size);
    if (count == 0) return AVERROR_EOF;
    if (count > 0) handle.position_ += count;
    return count;
}

int IoHandle::write(void* self, const std::uint8_t* buffer, int size) noexcept {
    auto& handle = *static_cast<IoHandle*>(self);
    const int count = handle.output_.write_at(handle.position_, buffer, size);
    if (count > 0) handle.position_ += count;
    return count;
}

std::int64_t IoHandle::seek(void* self, std::int64_t offset, int whence) noexcept {
    auto& handle = *static_cast<IoHandle*>(self);
    switch (whence & ~AVSEEK_FORCE) {
        case AVSEEK_SIZE: return handle.output_.size();
        case SEEK_SET: handle.position_ = offset; break;
        case SEEK_CUR: handle.position_ += offset; break;
        case SEEK_END: handle.position_ = handle.output_.size() + offset; break;
        default: return AVERROR(EINVAL);
    }
    return handle.position_;
}

}  // namespace gymreel

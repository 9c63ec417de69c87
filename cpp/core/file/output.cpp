#include "core/file/output.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/ffmpeg/ffmpeg_features.hpp"

extern "C" {
#include <libavutil/error.h>
}

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#ifdef _WIN32
#include <io.h>
#include <sys/stat.h>
#else
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace gymreel {
namespace {

constexpr int not_regular = -1;  // No errno: what has the name is a folder, a link, a device, a FIFO or a socket.

#ifdef _WIN32

// A file that is open can be neither renamed nor removed, which is all that the lock is for elsewhere.
constexpr bool open_files_can_be_renamed = false;

int open_file(const std::filesystem::path& path, FileOutput::Open how) {
    const int creation = how == FileOutput::Open::create ? _O_CREAT | _O_EXCL : 0;
    return _wopen(path.c_str(), _O_RDWR | _O_BINARY | _O_NOINHERIT | creation, _S_IREAD | _S_IWRITE);
}
bool is_regular_file(int descriptor) {
    struct _stat64 status{};
    return _fstat64(descriptor, &status) == 0 && (status.st_mode & _S_IFREG) != 0;
}
bool try_to_lock(int) { return true; }
bool has_name(int, const std::filesystem::path&) { return true; }
int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
    return _wrename(from.c_str(), to.c_str()) < 0 ? errno : 0;
}
int sync_folder(const std::filesystem::path&) { return 0; }
void adopt_mode(int, const std::filesystem::path&, unsigned) {}
std::int64_t size_of(int descriptor) { return _filelengthi64(descriptor); }
int close_file(int descriptor) { return _close(descriptor); }
int sync_file(int descriptor) { return _commit(descriptor); }
int read_some(int descriptor, std::int64_t position, std::uint8_t* buffer, int size) {
    return _lseeki64(descriptor, position, SEEK_SET) < 0 ? -1 : _read(descriptor, buffer, size);
}
int write_some(int descriptor, std::int64_t position, const std::uint8_t* buffer, int size) {
    return _lseeki64(descriptor, position, SEEK_SET) < 0 ? -1 : _write(descriptor, buffer, size);
}

#else

constexpr bool open_files_can_be_renamed = true;

int open_file(const std::filesystem::path& path, FileOutput::Open how) {
    constexpr int permissions = 0666;  // The umask takes away what it must.
    if (how == FileOutput::Open::create)
        return ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, permissions);
    // Opening a device can do things, and opening a FIFO can wait for ever. NFS locks what is open for writing only.
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = not_regular;
        return -1;
    }
    constexpr int careful = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    const int descriptor = ::open(path.c_str(), O_RDWR | careful);
    if (descriptor >= 0 || (errno != EACCES && errno != EROFS)) return descriptor;
    return ::open(path.c_str(), O_RDONLY | careful);
}

bool is_regular_file(int descriptor) {
    struct stat status{};
    return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

/// False where somebody else has the file, or had it and has removed it meanwhile.
bool try_to_lock(int descriptor) {
    // Whoever only looks whether a file is locked holds it for some microseconds.
    constexpr int max_attempts = 20;
    for (int attempt = 1; ::flock(descriptor, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK; ++attempt) {
        if (attempt == max_attempts) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    struct stat status{};
    return ::fstat(descriptor, &status) < 0 || status.st_nlink > 0;
}

/// Whether the file that is open is the one of that name: by now it may have another name, and the name another file.
bool has_name(int descriptor, const std::filesystem::path& path) {
    struct stat opened{};
    struct stat named{};
    return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

/// Unlike rename(), leaves a file that has the name as it is.
int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::link(from.c_str(), to.c_str()) == 0) {
        ::unlink(from.c_str());
        return 0;
    }
    if (errno == EEXIST) return EEXIST;
    // A file system without hard links: the next best is to look first.
    if (::access(to.c_str(), F_OK) == 0) return EEXIST;
    return ::rename(from.c_str(), to.c_str()) < 0 ? errno : 0;
}

int sync_folder(const std::filesystem::path& folder) {
    const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return 0;  // A folder that we may write to and not read.
    const int error = ::fsync(descriptor) < 0 ? errno : 0;
    ::close(descriptor);
    return error;
}

/// Lets the file be read and written by whom `target`, which it is to replace, can be, and by `others` beside.
void adopt_mode(int descriptor, const std::filesystem::path& target, mode_t others) {
    struct stat status{};
    if (::lstat(target.c_str(), &status) < 0 || !S_ISREG(status.st_mode)) return;
    constexpr mode_t permissions = 0777;
    // Where the file system has no modes there is nothing to adopt.
    [[maybe_unused]] const int result = ::fchmod(descriptor, (status.st_mode & permissions) | others);
}

std::int64_t size_of(int descriptor) {
    struct stat status{};
    return ::fstat(descriptor, &status) < 0 ? 0 : status.st_size;
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

[[noreturn]] void fail(int error, const char* operation) {
    if (error == not_regular) {
        throw Error({ErrorKind::output, EINVAL, operation, "not a regular file: it is left alone", {}, {}});
    }
    throw Error({ErrorKind::output, error, operation, describe_av_error(AVERROR(error)), {}, {}});
}

void check_sync(int error, const char* operation) {
    // Pipes and some network file systems cannot sync; that is no loss.
    if (error != 0 && error != EINVAL && error != ENOTSUP) fail(error, operation);
}

}  // namespace

FileOutput::FileOutput(std::filesystem::path path, Open how) : path_(std::move(path)) {
    descriptor_ = open_file(path_, how);
    if (descriptor_ < 0) fail(errno, "open the output file");
    if (how == Open::leftover && !is_regular_file(descriptor_)) {
        close();
        fail(not_regular, "open the output file");
    }
    // Its writer may have completed it, and let go of the lock, after it was opened here.
    if (!try_to_lock(descriptor_) || (how == Open::leftover && !has_name(descriptor_, path_))) {
        close();
        fail(how == Open::create ? EEXIST : EBUSY, "lock the output file");
    }
    size_ = size_of(descriptor_);
}

FileOutput::~FileOutput() { close(); }

std::unique_ptr<FileOutput> FileOutput::create_beside(const std::filesystem::path& target, const char* suffix) {
    constexpr int max_attempts = 1000;
    for (int attempt = 1;; ++attempt) {
        std::filesystem::path name = ".";
        name += target.filename();
        name += suffix;
        if (attempt > 1) name += "-" + std::to_string(attempt);
        try {
            auto output = std::make_unique<FileOutput>(target.parent_path() / name, Open::create);
            // From the beginning: whoever may not read the target may not read the partial file either. Its owner may.
            constexpr unsigned owner = 0600;
            adopt_mode(output->descriptor_, target, owner);
            return output;
        } catch (const Error& error) {
            if (error.info().code != EEXIST || attempt == max_attempts) throw;
        }
    }
}

void FileOutput::close() noexcept {
    if (descriptor_ >= 0) close_file(std::exchange(descriptor_, -1));
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

void FileOutput::sync() { check_sync(sync_file(descriptor_) < 0 ? errno : 0, "sync the output file"); }

void FileOutput::publish(const std::filesystem::path& target, Existing existing) {
    if (!open_files_can_be_renamed) close();
    std::filesystem::path new_path = target;  // Before anything is done: it may fail.
    std::error_code error;
    if (existing == Existing::replace) {
        adopt_mode(descriptor_, target, 0);
        std::filesystem::rename(path_, target, error);
    } else {
        error.assign(rename_to_new(path_, target), std::generic_category());
    }
    if (error) fail(error.value(), "rename the complete file");
    path_ = std::move(new_path);
}

void FileOutput::settle() {
    const int sync_error = sync_folder(path_.parent_path());
    const int close_error = descriptor_ >= 0 && close_file(std::exchange(descriptor_, -1)) < 0 ? errno : 0;
    check_sync(sync_error, "sync the folder");
    if (close_error != 0 && close_error != EINTR) fail(close_error, "close the output file");
}

void FileOutput::discard() noexcept {
    const bool is_ours = descriptor_ < 0 ? !open_files_can_be_renamed : has_name(descriptor_, path_);
    if (!open_files_can_be_renamed) close();
    std::error_code ignored;
    if (is_ours) std::filesystem::remove(path_, ignored);
    close();
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

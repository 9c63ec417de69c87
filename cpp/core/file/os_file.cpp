#include "core/file/os_file.hpp"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <thread>

#include <fcntl.h>
#ifdef _WIN32
#include <io.h>
#include <sys/stat.h>
#else
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace gymreel::os_file {

#ifdef _WIN32

namespace {

int open(const std::filesystem::path& path, int creation) {
    return _wopen(path.c_str(), _O_RDWR | _O_BINARY | _O_NOINHERIT | creation, _S_IREAD | _S_IWRITE);
}

}  // namespace

int create_new(const std::filesystem::path& path) { return open(path, _O_CREAT | _O_EXCL); }

int open_existing(const std::filesystem::path& path) { return open(path, 0); }

bool is_regular(int descriptor) {
    struct _stat64 status{};
    return _fstat64(descriptor, &status) == 0 && (status.st_mode & _S_IFREG) != 0;
}

bool try_to_lock(int) { return true; }

bool is_locked_by_another(const std::filesystem::path&) noexcept { return false; }

bool has_name(int, const std::filesystem::path&) { return true; }

int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
    return _wrename(from.c_str(), to.c_str()) < 0 ? errno : 0;
}

void adopt_permissions(int, const std::filesystem::path&, unsigned) {}

std::int64_t size_of(int descriptor) { return _filelengthi64(descriptor); }

int read_some(int descriptor, std::int64_t position, std::uint8_t* buffer, int size) {
    return _lseeki64(descriptor, position, SEEK_SET) < 0 ? -1 : _read(descriptor, buffer, size);
}

int write_some(int descriptor, std::int64_t position, const std::uint8_t* buffer, int size) {
    return _lseeki64(descriptor, position, SEEK_SET) < 0 ? -1 : _write(descriptor, buffer, size);
}

int sync(int descriptor) { return _commit(descriptor); }

int sync_folder(const std::filesystem::path&) { return 0; }

int close(int descriptor) { return _close(descriptor); }

#else

int create_new(const std::filesystem::path& path) {
    constexpr int permissions = 0666;  // Less the umask.
    return ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, permissions);
}

int open_existing(const std::filesystem::path& path) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        errno = not_regular;
        return -1;
    }
    // For writing if possible, because NFS locks only files that are open for writing.
    constexpr int careful = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    const int descriptor = ::open(path.c_str(), O_RDWR | careful);
    if (descriptor >= 0 || (errno != EACCES && errno != EROFS)) return descriptor;
    return ::open(path.c_str(), O_RDONLY | careful);
}

bool is_regular(int descriptor) {
    struct stat status{};
    return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

bool try_to_lock(int descriptor) {
    // is_locked_by_another() holds the lock for some microseconds, so one refusal is not enough.
    constexpr int max_attempts = 20;
    for (int attempt = 1; ::flock(descriptor, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK; ++attempt) {
        if (attempt == max_attempts) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    struct stat status{};
    return ::fstat(descriptor, &status) < 0 || status.st_nlink > 0;
}

bool is_locked_by_another(const std::filesystem::path& path) noexcept {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) return true;
    // A shared lock, so that several processes can look at the same time.
    const bool is_locked =
        !is_regular(descriptor) || (::flock(descriptor, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK);
    ::close(descriptor);
    return is_locked;
}

bool has_name(int descriptor, const std::filesystem::path& path) {
    struct stat opened{};
    struct stat named{};
    return ::fstat(descriptor, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to) {
    // Unlike rename(), link() never replaces a file.
    if (::link(from.c_str(), to.c_str()) == 0) {
        ::unlink(from.c_str());
        return 0;
    }
    if (errno == EEXIST) return EEXIST;
    // On a file system without hard links, looking first is the next best.
    if (::access(to.c_str(), F_OK) == 0) return EEXIST;
    return ::rename(from.c_str(), to.c_str()) < 0 ? errno : 0;
}

void adopt_permissions(int descriptor, const std::filesystem::path& target, unsigned extra) {
    struct stat status{};
    if (::lstat(target.c_str(), &status) < 0 || !S_ISREG(status.st_mode)) return;
    constexpr mode_t permissions = 0777;
    // A failure is ignored: a file system without permissions has none to adopt.
    [[maybe_unused]] const int result =
        ::fchmod(descriptor, (status.st_mode & permissions) | static_cast<mode_t>(extra));
}

std::int64_t size_of(int descriptor) {
    struct stat status{};
    return ::fstat(descriptor, &status) < 0 ? 0 : status.st_size;
}

int read_some(int descriptor, std::int64_t position, std::uint8_t* buffer, int size) {
    return static_cast<int>(::pread(descriptor, buffer, static_cast<std::size_t>(size), position));
}

int write_some(int descriptor, std::int64_t position, const std::uint8_t* buffer, int size) {
    return static_cast<int>(::pwrite(descriptor, buffer, static_cast<std::size_t>(size), position));
}

int sync(int descriptor) { return ::fsync(descriptor); }

int sync_folder(const std::filesystem::path& folder) {
    const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return 0;  // A folder can be writable without being readable.
    const int error = ::fsync(descriptor) < 0 ? errno : 0;
    ::close(descriptor);
    return error;
}

int close(int descriptor) { return ::close(descriptor); }

#endif

}  // namespace gymreel::os_file

#include "core/file/file_output.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/file/os_file.hpp"

extern "C" {
#include <libavutil/error.h>
}

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

namespace gymreel {
namespace {

[[noreturn]] void fail(int error, const char* operation) {
    if (error == os_file::not_regular) {
        throw Error({ErrorKind::output, EINVAL, operation, "not a regular file: it is left alone", {}, {}});
    }
    throw Error({ErrorKind::output, error, operation, describe_av_error(AVERROR(error)), {}, {}});
}

void check_sync(int error, const char* operation) {
    // Pipes and some network file systems cannot sync. That is not a failure.
    if (error != 0 && error != EINVAL && error != ENOTSUP) fail(error, operation);
}

}  // namespace

FileOutput::FileOutput(std::filesystem::path path, Open how) : path_(std::move(path)) {
    descriptor_ = how == Open::create ? os_file::create_new(path_) : os_file::open_existing(path_);
    if (descriptor_ < 0) fail(errno, "open the output file");
    if (how == Open::leftover && !os_file::is_regular(descriptor_)) {
        close();
        fail(os_file::not_regular, "open the output file");
    }
    // After it was opened here, its writer may have completed it and released the lock.
    if (!os_file::try_to_lock(descriptor_) || (how == Open::leftover && !os_file::has_name(descriptor_, path_))) {
        if (how == Open::create) discard();  // Else an empty file would stay.
        close();
        fail(how == Open::create ? EEXIST : EBUSY, "lock the output file");
    }
    size_ = os_file::size_of(descriptor_);
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
            // From the beginning, so that nobody can read the partial file who may not read the target. The owner
            // always may.
            constexpr unsigned owner = 0600;
            os_file::adopt_permissions(output->descriptor_, target, owner);
            return output;
        } catch (const Error& error) {
            if (error.info().code != EEXIST || attempt == max_attempts) throw;
        }
    }
}

void FileOutput::close() noexcept {
    if (descriptor_ >= 0) os_file::close(std::exchange(descriptor_, -1));
}

int FileOutput::read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept {
    int result = 0;
    do {
        result = os_file::read_some(descriptor_, position, buffer, size);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? AVERROR(errno) : result;
}

int FileOutput::write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept {
    int written = 0;
    while (written < size) {
        const int result = os_file::write_some(descriptor_, position + written, buffer + written, size - written);
        if (result < 0 && errno == EINTR) continue;
        if (result < 0) return AVERROR(errno);
        if (result == 0) return AVERROR(ENOSPC);
        written += result;
        size_ = std::max(size_, position + written);
    }
    return written;
}

void FileOutput::sync() { check_sync(os_file::sync(descriptor_) < 0 ? errno : 0, "sync the output file"); }

void FileOutput::publish(const std::filesystem::path& target, Existing existing) {
    if (!os_file::open_files_can_be_renamed) close();
    std::filesystem::path new_path = target;  // Copied first, because copying may fail.
    std::error_code error;
    if (existing == Existing::replace) {
        os_file::adopt_permissions(descriptor_, target, 0);
        std::filesystem::rename(path_, target, error);
    } else {
        error.assign(os_file::rename_to_new(path_, target), std::generic_category());
    }
    if (error) fail(error.value(), "rename the complete file");
    path_ = std::move(new_path);
}

void FileOutput::settle() {
    const int sync_error = os_file::sync_folder(path_.parent_path());
    const int close_error = descriptor_ >= 0 && os_file::close(std::exchange(descriptor_, -1)) < 0 ? errno : 0;
    check_sync(sync_error, "sync the folder");
    if (close_error != 0 && close_error != EINTR) fail(close_error, "close the output file");
}

void FileOutput::discard() noexcept {
    const bool is_ours = descriptor_ < 0 ? !os_file::open_files_can_be_renamed : os_file::has_name(descriptor_, path_);
    if (!os_file::open_files_can_be_renamed) close();
    std::error_code ignored;
    if (is_ours) std::filesystem::remove(path_, ignored);
    close();
}

}  // namespace gymreel

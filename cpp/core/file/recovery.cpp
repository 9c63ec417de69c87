#include "core/file/recovery.hpp"

#include "core/error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/demuxer.hpp"
#include "core/file/output.hpp"
#include "core/file/partial_scan.hpp"
#include "core/file/piece_view.hpp"
#include "core/file/remux.hpp"

#include <cerrno>
#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace gymreel {
namespace {

/// A header that is not complete, or one without any frame, is not worth keeping; what is longer may be.
constexpr std::int64_t largest_header = 4 << 10;

/// `.NAME.partial` is NAME's; so is `.NAME.partial-2`.
std::filesystem::path name_of(const std::filesystem::path& partial) {
    const std::string hidden = partial.filename().string();
    const std::size_t end = hidden.rfind(".partial");
    if (end == std::string::npos || end < 2) return partial;
    return partial.parent_path() / hidden.substr(1, end - 1);
}

/// Somebody who has just created it may not have locked it yet.
bool is_about_to_be_written(const FileOutput& leftover) {
    constexpr std::chrono::seconds long_enough{2};
    if (leftover.size() > 0) return false;
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(leftover.path(), error);
    const auto age = std::filesystem::file_time_type::clock::now() - changed;
    return !error && age > -long_enough && age < long_enough;
}

/// Makes a complete file called `target` of the sound part, and makes it last.
RecoveredFile copy_sound_part(FileOutput& leftover, const PartialScan& scan, const std::filesystem::path& target,
                              const std::string& muxer) {
    const auto complete = FileOutput::create_beside(name_of(leftover.path()), ".complete");
    RecoveredFile result;
    try {
        PieceView sound_part(leftover, scan.pieces);
        Demuxer demuxer(sound_part, muxer);
        const AVCodecParameters& codec = *demuxer.stream().codecpar;
        const RemuxResult copied = remux_sound_part(demuxer, *complete, muxer, scan);
        result = {copied.num_packets, complete->size(), codec.width, codec.height, av_q2d(copied.frame_rate), {}, {}};
        complete->sync();
        complete->publish(target, Output::Existing::keep);
    } catch (...) {
        complete->discard();
        throw;
    }
    complete->settle();
    return result;
}

/// Calls the leftover `.NAME.damaged`. It stays what it is where it cannot get that name: what could be recovered is.
std::filesystem::path keep_as_damaged(FileOutput& leftover) {
    std::unique_ptr<FileOutput> name;
    try {
        name = FileOutput::create_beside(name_of(leftover.path()), ".damaged");
        leftover.publish(name->path(), Output::Existing::replace);
        leftover.settle();
    } catch (const Error&) {
        if (name && leftover.path() != name->path()) name->discard();
    }
    return leftover.path();
}

RecoveredFile recover(FileOutput& leftover, const std::filesystem::path& target, const std::string& muxer) {
    if (is_about_to_be_written(leftover)) {
        throw Error({ErrorKind::output, EBUSY, "recover a recording", "it has only just been created", {}, {}});
    }
    PartialScan scan = scan_partial(leftover, muxer);
    if (!scan.has_header && !scan.damage.empty()) {
        throw Error({ErrorKind::output, AVERROR_INVALIDDATA, "read the partial file", std::move(scan.damage), {}, {}});
    }
    RecoveredFile result;
    if (!scan.times.empty()) result = copy_sound_part(leftover, scan, target, muxer);
    if (scan.damage.empty() && result.num_frames == 0 && leftover.size() > largest_header) {
        scan.damage = "there is no complete frame";
    }
    if (scan.damage.empty()) {
        leftover.discard();
    } else {
        result.damage = std::move(scan.damage);
        result.damaged_path = keep_as_damaged(leftover);
    }
    return result;
}

}  // namespace

RecoveredFile recover_file(const std::filesystem::path& partial, const std::filesystem::path& target,
                           const std::string& muxer) {
    const LogCapture capture;
    try {
        FileOutput leftover(partial, FileOutput::Open::leftover);
        return recover(leftover, target, muxer);
    } catch (const Error& error) {
        ErrorInfo info = error.info();
        if (info.filename.empty()) info.filename = partial.string();
        throw Error(std::move(info));
    }
}

bool remove_leftover(const std::filesystem::path& path) noexcept {
    try {
        FileOutput(path, FileOutput::Open::leftover).discard();
        return true;
    } catch (const std::exception&) {
        return false;
    }
}

bool is_being_recorded(const std::filesystem::path& path) noexcept {
#ifdef _WIN32
    static_cast<void>(path);
    return false;  // An open file can be neither renamed nor removed, so looking is not needed.
#else
    // Only for a look, so shared: it must not keep a writer from its lock, nor another from looking.
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) return true;
    struct stat status{};
    const bool is_locked = ::fstat(descriptor, &status) < 0 || !S_ISREG(status.st_mode) ||
                           (::flock(descriptor, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK);
    ::close(descriptor);
    return is_locked;
#endif
}

}  // namespace gymreel

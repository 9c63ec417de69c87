#include "core/file/recovery.hpp"

#include "core/error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/demuxer.hpp"
#include "core/file/file_output.hpp"
#include "core/file/os_file.hpp"
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

namespace gymreel {
namespace {

/// A file without frames is removed up to this size, which a header does not exceed. A longer one is kept as damaged.
constexpr std::int64_t largest_header = 4 << 10;

/// Return the path NAME of a partial file `.NAME.partial` or `.NAME.partial-2`.
std::filesystem::path name_of(const std::filesystem::path& partial) {
    const std::string hidden = partial.filename().string();
    const std::size_t end = hidden.rfind(".partial");
    if (end == std::string::npos || end < 2) return partial;
    return partial.parent_path() / hidden.substr(1, end - 1);
}

/// Return whether the file may have been created so recently that its process has not locked it yet.
bool is_about_to_be_written(const FileOutput& leftover) {
    constexpr std::chrono::seconds settling_time{2};
    if (leftover.size() > 0) return false;
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(leftover.path(), error);
    const auto age = std::filesystem::file_time_type::clock::now() - changed;
    return !error && age > -settling_time && age < settling_time;
}

/// Copy the sound part to a complete file called `target`, and wait until it is on the disk.
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
        complete->publish(target, FileOutput::Existing::keep);
    } catch (...) {
        complete->discard();
        throw;
    }
    complete->settle();
    return result;
}

/// Rename the leftover to `.NAME.damaged` and return its path. If that fails it keeps its name, because its sound part
/// has been recovered already.
std::filesystem::path keep_as_damaged(FileOutput& leftover) {
    std::unique_ptr<FileOutput> name;
    try {
        name = FileOutput::create_beside(name_of(leftover.path()), ".damaged");
        leftover.publish(name->path(), FileOutput::Existing::replace);
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

bool is_being_recorded(const std::filesystem::path& path) noexcept { return os_file::is_locked_by_another(path); }

}  // namespace gymreel

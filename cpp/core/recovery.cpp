#include "recovery.hpp"

#include "demuxer.hpp"
#include "error.hpp"
#include "log_capture.hpp"
#include "muxer.hpp"
#include "output.hpp"
#include "remux.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#ifndef _WIN32
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#endif

namespace gymreel {
namespace {

/// What a killed process may leave half written: the end of a fragment, and before the first one a header.
constexpr std::int64_t largest_cut = 64 << 10;
constexpr std::int64_t largest_header = 4 << 10;

/// `.NAME.partial` is NAME's; so is `.NAME.partial-2`.
std::filesystem::path name_of(const std::filesystem::path& partial) {
    const std::string hidden = partial.filename().string();
    const std::size_t end = hidden.rfind(".partial");
    if (end == std::string::npos || end < 2) return partial;
    return partial.parent_path() / hidden.substr(1, end - 1);
}

/// Whether a process can have died while it wrote this, in pieces, before the first frame.
bool is_start_of_header(FileOutput& file, const std::string& muxer) {
    if (file.size() > largest_header) return false;
    std::array<std::uint8_t, 8> start{};
    const std::string_view text(reinterpret_cast<const char*>(start.data()),
                                static_cast<std::size_t>(std::max(0, file.read_at(0, start.data(), start.size()))));
    if (Muxer::is_mp4(muxer)) return text.substr(std::min<std::size_t>(4, text.size())) == "ftyp";
    return text.substr(0, 4) == (muxer == "gif" ? "GIF8" : "\x1A\x45\xDF\xA3");
}

/// Copies what can be read. Where that is nothing, `complete` stays empty.
RecoveredFile copy(FileOutput& leftover, FileOutput& complete, const std::string& muxer, std::int64_t& end) {
    RecoveredFile result;
    try {
        Demuxer demuxer(leftover, muxer);
        const AVCodecParameters& codec = *demuxer.stream().codecpar;
        const RemuxResult copied = remux(demuxer, complete, muxer, demuxer.metadata());
        end = demuxer.end_of_packets();
        result = {copied.num_packets, complete.size(), codec.width, codec.height, av_q2d(copied.frame_rate), {}};
    } catch (const Error&) {
        if (complete.size() > 0 || !is_start_of_header(leftover, muxer)) throw;
    }
    return result;
}

RecoveredFile recover(FileOutput& leftover, const std::filesystem::path& target, const std::string& muxer) {
    RecoveredFile result;
    std::int64_t end = 0;
    const std::filesystem::path name = name_of(leftover.path());
    std::unique_ptr<FileOutput> complete;
    if (leftover.size() > 0) {
        complete = FileOutput::create_beside(name, ".complete");
        try {
            result = copy(leftover, *complete, muxer, end);
            if (result.num_frames > 0) {
                complete->sync();
                complete->publish(target, Output::Existing::keep);
            }
        } catch (...) {
            complete->discard();
            throw;
        }
    }
    if (leftover.size() - end > (result.num_frames > 0 ? largest_cut : largest_header)) {
        result.damaged_path = FileOutput::create_beside(name, ".damaged")->path();
        leftover.sync();
        leftover.publish(result.damaged_path, Output::Existing::replace);
        leftover.settle();
    } else {
        leftover.discard();
    }
    if (complete && result.num_frames == 0) complete->discard();
    if (complete && result.num_frames > 0) complete->settle();
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

#include "recovery.hpp"

#include "demuxer.hpp"
#include "error.hpp"
#include "log_capture.hpp"
#include "output.hpp"
#include "remux.hpp"

#include <cerrno>
#include <exception>
#include <optional>

namespace gymreel {

RecoveredFile recover_file(const std::filesystem::path& partial, const std::filesystem::path& target,
                           const std::string& muxer) {
    const LogCapture capture;
    FileOutput leftover(partial, FileOutput::Open::leftover);
    RecoveredFile result;
    if (leftover.size() == 0) {
        leftover.discard();
        return result;
    }
    const std::unique_ptr<FileOutput> complete = FileOutput::create_beside(target, ".complete");
    try {
        Demuxer demuxer(leftover, muxer);
        const AVCodecParameters& codec = *demuxer.stream().codecpar;
        result.width = codec.width;
        result.height = codec.height;
        const RemuxResult copied = remux(demuxer, *complete, muxer, demuxer.metadata());
        result.num_frames = copied.num_packets;
        result.num_bytes = complete->size();
        result.frames_per_second = av_q2d(copied.frame_rate);
        if (result.num_frames > 0) complete->publish(target);
    } catch (...) {
        if (complete->path() != target) complete->discard();
        throw;
    }
    if (result.num_frames == 0) complete->discard();
    leftover.discard();
    return result;
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
    try {
        const FileOutput leftover(path, FileOutput::Open::leftover);
        return false;
    } catch (const std::exception&) {
        return true;
    }
}

}  // namespace gymreel

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace gymreel {

/// What was recovered from a partial file.
struct RecoveredFile {
    std::uint64_t num_frames = 0;
    std::int64_t num_bytes = 0;  ///< Of the complete file.
    int width = 0;
    int height = 0;
    double frames_per_second = 0;
    std::filesystem::path damaged_path;  ///< Where the partial file was kept, if not all of it was sound; else empty.
    std::string damage;                  ///< What is wrong with it; else empty.
};

/// Turn the partial file that a dead process has left into a complete file called `target`, and remove it once the
/// complete file and its name are on the disk. A partial file without frames is only removed.
///
/// What is recovered is the sound part found by scan_partial(): the first n frames, without a hole. If more of the rest
/// is missing than the death of the process explains, the partial file is renamed to `.NAME.damaged` and kept.
///
/// `muxer` is FFmpeg's name of the container. Whatever the partial file claims to hold, the memory used and the size of
/// the complete file are at most a small multiple of its own size.
///
/// Thread: any.
/// Errors: Error (output) or std::bad_alloc, after which the partial file is still there. The code is EBUSY if its
/// process is alive or has created it only just now, EEXIST if `target` exists, and EINVAL if it is not a regular file.
RecoveredFile recover_file(const std::filesystem::path& partial, const std::filesystem::path& target,
                           const std::string& muxer);

/// Remove a file that a dead process has left beside a partial file that holds everything it holds. Return false if its
/// process is alive.
///
/// Thread: any. Errors: none.
bool remove_leftover(const std::filesystem::path& path) noexcept;

/// Return whether a process, this one included, has the file open for recording. True also for what is not a regular
/// file that can be opened, and false on file systems without locks.
///
/// Thread: any. Errors: none.
bool is_being_recorded(const std::filesystem::path& path) noexcept;

}  // namespace gymreel

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace gymreel {

/// What a leftover held.
struct RecoveredFile {
    std::uint64_t num_frames = 0;
    std::int64_t num_bytes = 0;  ///< Of the complete file.
    int width = 0;
    int height = 0;
    double frames_per_second = 0;
    std::filesystem::path damaged_path;  ///< What was left is kept there, since not all of it is sound.
    std::string damage;                  ///< What is wrong with it, in words.
};

/// Turns the partial file that a dead process has left into a complete one called `target`, and removes it, once the
/// complete one and its name are on the disk. Where it holds no frame it is only removed. What is recovered is the sound
/// part at the beginning, see scan_partial(): the first n frames, without a hole. Where more of the rest is missing than
/// the moment of death explains, the partial file is kept, and called `.NAME.damaged`.
///
/// `muxer` is FFmpeg's name of the container. Memory and the size of the complete file are bounded by a small multiple of
/// the partial file's size, whatever it claims to hold.
/// Thread: any.
/// Errors: Error (output), std::bad_alloc; the partial file is then still there. The code is EBUSY where its process is
/// alive or has only just created it, EEXIST where there is a file called `target`, and EINVAL where it is not a regular
/// file.
RecoveredFile recover_file(const std::filesystem::path& partial, const std::filesystem::path& target,
                           const std::string& muxer);

/// Removes a file that a dead process has left and that holds nothing which is not in the partial file too. False where
/// its process is alive.
bool remove_leftover(const std::filesystem::path& path) noexcept;

/// True where a process, this one included, has the file open for recording, or it is no regular file that can be
/// opened. Where the file system has no locks it is false.
bool is_being_recorded(const std::filesystem::path& path) noexcept;

}  // namespace gymreel

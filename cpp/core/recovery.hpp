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
};

/// Turns the partial file that a dead process has left into a complete one called `target`, and removes it. Where it
/// holds no frame it is only removed.
///
/// `muxer` is FFmpeg's name of the container.
/// Thread: any.
/// Errors: Error (output), std::bad_alloc; the partial file is then still there. The code is EBUSY where its process is
/// alive.
RecoveredFile recover_file(const std::filesystem::path& partial, const std::filesystem::path& target,
                           const std::string& muxer);

/// Removes a file that a dead process has left and that holds nothing which is not in the partial file too. False where
/// its process is alive.
bool remove_leftover(const std::filesystem::path& path) noexcept;

/// True where a process, this one included, has the file open for recording, or nobody can tell.
bool is_being_recorded(const std::filesystem::path& path) noexcept;

}  // namespace gymreel

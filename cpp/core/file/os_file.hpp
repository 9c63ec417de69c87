#pragma once

#include <cstdint>
#include <filesystem>

/// What FileOutput needs from the operating system, on POSIX and Windows. Everything that differs between the two is
/// here.
///
/// Thread: any. Errors: none are thrown; functions that return a descriptor or a count return -1 and set errno.
namespace gymreel::os_file {

#ifdef _WIN32
/// Whether a file can be renamed and removed while it is open. Where it cannot, being open is as good as a lock.
constexpr bool open_files_can_be_renamed = false;
#else
constexpr bool open_files_can_be_renamed = true;
#endif

/// The value of errno after open_existing() has found a folder, link, device, FIFO or socket. It is not an errno of the
/// system.
constexpr int not_regular = -1;

/// Create a file that must not exist and open it for reading and writing.
int create_new(const std::filesystem::path& path);

/// Open an existing regular file, for writing where that is permitted. Never waits, and opens nothing but regular
/// files: opening a device may have effects, and opening a FIFO may wait for ever.
int open_existing(const std::filesystem::path& path);

bool is_regular(int descriptor);

/// Lock the file. Return false if another process has it locked, or has removed it in the meantime. A file system
/// without locks counts as success.
bool try_to_lock(int descriptor);

/// Return whether another process has the file locked, or it is not a regular file that can be opened. False on file
/// systems without locks.
bool is_locked_by_another(const std::filesystem::path& path) noexcept;

/// Return whether `path` is still the name of the open file. Either may have changed: the file can have been renamed,
/// and the name can belong to another file.
bool has_name(int descriptor, const std::filesystem::path& path);

/// Rename a file unless `to` exists. Return 0 or an errno, which is EEXIST if `to` exists.
int rename_to_new(const std::filesystem::path& from, const std::filesystem::path& to);

/// Set the permissions of the open file to those of the file `target`, with `extra` permissions added. Does nothing if
/// there is no such file.
void adopt_permissions(int descriptor, const std::filesystem::path& target, unsigned extra);

std::int64_t size_of(int descriptor);
int read_some(int descriptor, std::int64_t position, std::uint8_t* buffer, int size);
int write_some(int descriptor, std::int64_t position, const std::uint8_t* buffer, int size);

/// Wait until the file's bytes are on the disk.
int sync(int descriptor);

/// Wait until the names in a folder are on the disk. Return 0 or an errno.
int sync_folder(const std::filesystem::path& folder);

int close(int descriptor);

}  // namespace gymreel::os_file

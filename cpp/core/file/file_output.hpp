#pragma once

#include "core/file/bytes.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

namespace gymreel {

/// A file that is accessed through a descriptor of its own. FFmpeg's file protocol would buffer, report a full disk too
/// late, and mistake paths such as "http://…" or "concat:…" for protocols.
///
/// An open file is locked (flock). That is how other processes distinguish a recording in progress from what a dead
/// process has left. On a file system without locks it is not locked.
///
/// The usual order of calls is write_at(), sync(), publish(), settle(); or discard() at any point.
///
/// Ownership: owns the descriptor, and with it the lock.
/// Thread: one at a time.
class FileOutput final : public ByteStore {
public:
    enum class Open {
        create,   ///< The file must not exist.
        leftover  ///< The file must be a regular file that no process has open for recording. It is only read.
    };

    /// Opens the file. Never waits.
    ///
    /// Errors: Error (output), with the code EEXIST, EBUSY or EINVAL (not a regular file) if the file is not as `how`
    /// requires.
    FileOutput(std::filesystem::path path, Open how);
    ~FileOutput() override;

    /// Create the hidden file `.NAME` + `suffix` in the folder of a target called NAME, or `.NAME` + `suffix` + "-2"
    /// and so on: files with the first names may belong to other recordings, or have been left by a crash.
    ///
    /// Errors: Error (output).
    static std::unique_ptr<FileOutput> create_beside(const std::filesystem::path& target, const char* suffix);

    int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept override;
    int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept override;
    std::int64_t size() const noexcept override { return size_; }

    /// Return the current name of the file.
    const std::filesystem::path& path() const noexcept { return path_; }

    /// Return the current name without a copy, which could fail. The last call on this object.
    std::filesystem::path take_path() noexcept { return std::move(path_); }

    /// Wait until the bytes are on the disk.
    ///
    /// Errors: Error (output). Some file systems report a failed write only here.
    void sync();

    enum class Existing { replace, keep };

    /// Rename the file to `target`. It gets the permissions of a file that it replaces.
    ///
    /// Errors: Error (output), after which the file has its old name. The code is EEXIST if `target` exists and
    /// `existing` is `keep`.
    void publish(const std::filesystem::path& target, Existing existing);

    /// Wait until the new name, and every earlier change to the folder, is on the disk; then close the file.
    ///
    /// Errors: Error (output).
    void settle();

    /// Remove and close the file. A failure to remove it is ignored. If its name belongs to another file by now, that
    /// file is left alone.
    void discard() noexcept;

private:
    void close() noexcept;

    std::filesystem::path path_;
    int descriptor_ = -1;
    std::int64_t size_ = 0;
};

}  // namespace gymreel

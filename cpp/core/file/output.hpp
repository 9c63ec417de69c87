#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

namespace gymreel {

/// Where bytes go: random access by position, so that several handles can share one output without a common cursor.
///
/// Thread: one at a time.
/// Errors: read_at and write_at are called from C, so they return a negative AVERROR and never throw.
class Output {
public:
    Output() = default;
    virtual ~Output() = default;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    /// Bytes read, 0 at the end, or a negative AVERROR.
    virtual int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept = 0;

    /// `size`, or a negative AVERROR. All or nothing as far as the caller is told.
    virtual int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept = 0;

    /// Bytes from the start to the furthest byte written.
    virtual std::int64_t size() const noexcept = 0;

    /// Where the bytes are; empty for memory.
    virtual const std::filesystem::path& path() const noexcept { return no_path_; }

    /// The same, taken away and not copied, which needs no memory: nothing is done with the output after.
    virtual std::filesystem::path take_path() noexcept { return {}; }

    enum class Existing { replace, keep };

    /// Make the bytes last, give them the name `target`, make the name last; see FileOutput.
    virtual void sync() {}
    virtual void publish(const std::filesystem::path& /*target*/, Existing /*existing*/) {}
    virtual void settle() {}

    /// Nobody wants the bytes any more.
    virtual void discard() noexcept {}

private:
    std::filesystem::path no_path_;
};

/// A file of our own descriptor: FFmpeg's file protocol buffers, reports a full disk late, and would take a path such
/// as "http://…" or "concat:…" for a protocol.
///
/// While it is open it is locked (flock), which is how others tell a file that somebody works on from what a dead
/// process has left. A lock that the file system does not have is done without.
///
/// Ownership: owns the descriptor, and with it the lock.
class FileOutput final : public Output {
public:
    enum class Open {
        create,   ///< The file must not exist.
        leftover  ///< The file must exist, be a regular file, and nobody else have it open. Nothing is written to it.
    };

    /// Errors: Error (output), with the code EEXIST, EBUSY or EINVAL (not a regular file) where the file is not as `how`
    /// says. Opening never waits.
    FileOutput(std::filesystem::path path, Open how);
    ~FileOutput() override;

    /// Creates the hidden file `.NAME` + `suffix` beside a target of that name, or `.NAME` + `suffix` + "-2" and so on:
    /// a file of the first name may be what a crash left, or another recording under way.
    ///
    /// Errors: Error (output).
    static std::unique_ptr<FileOutput> create_beside(const std::filesystem::path& target, const char* suffix);

    int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept override;
    int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept override;
    std::int64_t size() const noexcept override { return size_; }

    const std::filesystem::path& path() const noexcept override { return path_; }
    std::filesystem::path take_path() noexcept override { return std::move(path_); }

    /// Waits until the bytes are on the disk. Errors: Error (output): some file systems report a failed write only here.
    void sync() override;

    /// Gives the file the name `target`, and the permissions of a file that it replaces.
    ///
    /// Errors: Error (output), the file then has its old name. EEXIST where a file of that name is to be kept.
    void publish(const std::filesystem::path& target, Existing existing) override;

    /// Waits until the name is on the disk, and what was done in the folder before, and closes the file.
    ///
    /// Errors: Error (output).
    void settle() override;

    /// Removes the file and closes it. One that cannot be removed does no harm; another file that has the name by now stays.
    void discard() noexcept override;

private:
    void close() noexcept;

    std::filesystem::path path_;
    int descriptor_ = -1;
    std::int64_t size_ = 0;
};

/// Bytes in memory, for encode().
class MemoryOutput final : public Output {
public:
    int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept override;
    int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept override;
    std::int64_t size() const noexcept override { return static_cast<std::int64_t>(bytes_.size()); }

    std::vector<std::uint8_t> take_bytes() noexcept { return std::move(bytes_); }

private:
    std::vector<std::uint8_t> bytes_;
};

/// One cursor over an Output, in the form that FFmpeg reads from and writes to.
///
/// Ownership: borrows the output, which must outlive it. Freeing it does not flush.
class IoHandle {
public:
    enum class Mode { read, write };

    /// Errors: std::bad_alloc.
    IoHandle(Output& output, Mode mode);
    IoHandle(const IoHandle&) = delete;
    IoHandle& operator=(const IoHandle&) = delete;

    AVIOContext* get() const noexcept { return io_.get(); }

    /// Lets `context` open further handles on the same output (faststart reads back what it wrote).
    void serve_reopening(AVFormatContext* context);

private:
    static int read(void* self, std::uint8_t* buffer, int size) noexcept;
    static int write(void* self, const std::uint8_t* buffer, int size) noexcept;
    static std::int64_t seek(void* self, std::int64_t offset, int whence) noexcept;

    Output& output_;
    std::int64_t position_ = 0;
    IoContextPtr io_;
};

}  // namespace gymreel

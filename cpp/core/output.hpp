#pragma once

#include "ffmpeg_ptr.hpp"

#include <cstdint>
#include <filesystem>
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
};

/// A file of our own descriptor: FFmpeg's file protocol buffers, reports a full disk late, and would take a path such
/// as "http://…" or "concat:…" for a protocol.
///
/// Ownership: owns the descriptor.
class FileOutput final : public Output {
public:
    /// Creates the file, which must not exist yet.
    ///
    /// Errors: Error (output).
    explicit FileOutput(const std::filesystem::path& path);
    ~FileOutput() override;

    int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept override;
    int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept override;
    std::int64_t size() const noexcept override { return size_; }

    /// Waits until the bytes are on the disk and closes the file.
    ///
    /// Errors: Error (output): some file systems report a failed write only here.
    void sync_and_close();

private:
    int descriptor_;
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

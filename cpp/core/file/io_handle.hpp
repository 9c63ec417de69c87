#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/file/bytes.hpp"

#include <cstdint>

namespace gymreel {

/// A cursor over bytes, in the form through which FFmpeg reads and writes.
///
/// Ownership: borrows the bytes, which must outlive it. Its destructor does not flush.
/// Thread: one at a time.
class IoHandle {
public:
    /// Tag of the constructor for handles that write.
    struct Writable {};
    static constexpr Writable writable{};

    /// A handle that only reads.
    ///
    /// Errors: std::bad_alloc.
    explicit IoHandle(ByteSource& source) : IoHandle(source, nullptr) {}

    /// A handle that reads and writes.
    ///
    /// Errors: std::bad_alloc.
    IoHandle(ByteStore& store, Writable /*tag*/) : IoHandle(store, &store) {}

    IoHandle(const IoHandle&) = delete;
    IoHandle& operator=(const IoHandle&) = delete;

    AVIOContext* get() const noexcept { return io_.get(); }

    /// Open `store` whenever the muxer of `context` opens its file again: faststart reads back what it has written.
    static void serve_reopening(AVFormatContext* context, ByteStore& store);

private:
    IoHandle(ByteSource& source, ByteStore* store);

    static int read(void* self, std::uint8_t* buffer, int size) noexcept;
    static int write(void* self, const std::uint8_t* buffer, int size) noexcept;
    static std::int64_t seek(void* self, std::int64_t offset, int whence) noexcept;

    ByteSource& source_;
    ByteStore* store_;  // The same object, or null for a handle that only reads.
    std::int64_t position_ = 0;
    IoContextPtr io_;
};

}  // namespace gymreel

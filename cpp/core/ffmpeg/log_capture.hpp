#pragma once

#include <cstdarg>
#include <string>

namespace gymreel {

/// Keeps what FFmpeg logs on this thread, at level warning or worse, for as long as it lives: the reason why an encoder
/// refuses a size or an option stands nowhere else. Everything else that is logged goes to FFmpeg's default callback:
/// FFmpeg does not tell which callback was set before.
///
/// Thread: belongs to the thread that made it; captures nest, and the innermost one listens.
/// Errors: none; when memory runs out a message is lost.
class LogCapture {
public:
    LogCapture() noexcept;
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    /// What the innermost capture of this thread has heard, at most a few kilobytes; empty without one.
    static std::string text();

private:
    static void listen(void* context, int level, const char* format, va_list arguments) noexcept;

    LogCapture* outer_;
    std::string text_;
};

}  // namespace gymreel

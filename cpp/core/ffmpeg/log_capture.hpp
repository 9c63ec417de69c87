#pragma once

#include <cstdarg>
#include <string>

namespace gymreel {

/// A scope in which warnings and errors that FFmpeg logs on this thread are kept. Why an encoder refuses a size or an
/// option is only found in the log. The first capture, and each later one, sets the callback of the process. Messages
/// outside of any capture go to FFmpeg's default callback, because FFmpeg offers no way to find the one that was set
/// before.
///
/// Thread: the one that made it. Captures nest, and the innermost one receives the messages.
/// Errors: none. If memory runs out, messages are lost.
class LogCapture {
public:
    LogCapture() noexcept;
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    /// Return the messages of the innermost capture of this thread, at most a few kilobytes. Empty without a capture.
    static std::string text();

private:
    static void listen(void* context, int level, const char* format, va_list arguments) noexcept;

    LogCapture* outer_;
    std::string text_;
};

}  // namespace gymreel

#include "core/ffmpeg/log_capture.hpp"

extern "C" {
#include <libavutil/log.h>
}

#include <array>
#include <new>

namespace gymreel {
namespace {

constexpr std::size_t max_text = 4096;

thread_local LogCapture* innermost = nullptr;

}  // namespace

LogCapture::LogCapture() noexcept : outer_(innermost) {
    // The process has one callback. It is set each time, because another user of the same FFmpeg may have replaced it.
    // Ours never calls Python, which would deadlock on the GIL.
    if (outer_ == nullptr) av_log_set_callback(&LogCapture::listen);
    innermost = this;
}

LogCapture::~LogCapture() { innermost = outer_; }

std::string LogCapture::text() { return innermost == nullptr ? std::string() : innermost->text_; }

void LogCapture::listen(void* context, int level, const char* format, va_list arguments) noexcept {
    LogCapture* const capture = innermost;
    if (capture == nullptr) {
        av_log_default_callback(context, level, format, arguments);
        return;
    }
    if (level > AV_LOG_WARNING || capture->text_.size() >= max_text) return;
    std::array<char, 1024> line{};
    int print_prefix = 1;
    av_log_format_line2(context, level, format, arguments, line.data(), static_cast<int>(line.size()), &print_prefix);
    try {
        capture->text_ += line.data();
    } catch (const std::bad_alloc&) {  // The message is lost.
    }
}

}  // namespace gymreel

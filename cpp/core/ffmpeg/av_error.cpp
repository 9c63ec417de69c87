#include "core/ffmpeg/av_error.hpp"

#include "core/ffmpeg/log_capture.hpp"

extern "C" {
#include <libavutil/error.h>
}

#include <array>

namespace gymreel {

std::string describe_av_error(int code) {
    std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
    av_strerror(code, text.data(), text.size());
    return text.data();
}

int check(int result, const char* operation, ErrorKind kind) {
    if (result >= 0) return result;
    // FFmpeg's own codes are four-character tags, far above any errno.
    constexpr int largest_errno = 4096;
    const int code = AVUNERROR(result) < largest_errno ? AVUNERROR(result) : result;
    throw Error(ErrorInfo{kind, code, operation, describe_av_error(result), {}, LogCapture::text()});
}

}  // namespace gymreel

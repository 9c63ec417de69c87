#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace gymreel {

/// Which branch of Python's error tree a failure belongs to.
enum class ErrorKind {
    config,           ///< An argument that cannot work.
    frame_type,       ///< Something that is not a uint8 frame.
    frame_shape,      ///< A frame of the wrong shape.
    codec_not_found,  ///< An encoder that this FFmpeg does not have.
    output,           ///< Open, write, trailer, sync, rename.
    encode,           ///< The encoder, the conversion or memory.
    closed            ///< A call on a stream that is finished.
};

/// A failure in words, as plain data: it is made on one thread and told on another.
struct ErrorInfo {
    ErrorKind kind = ErrorKind::encode;
    int code = 0;           ///< POSIX errno where there is one, else FFmpeg's negative code, else 0.
    std::string operation;  ///< What was being done, for example "write packet".
    std::string reason;     ///< Why it failed.
    std::string filename;   ///< The file, empty where there is none.
    std::string log;        ///< What FFmpeg logged meanwhile.
};

/// The exception of the core. It never leaves the thread that threw it: a worker stores its ErrorInfo.
class Error : public std::runtime_error {
public:
    explicit Error(ErrorInfo info) : std::runtime_error(info.operation + ": " + info.reason), info_(std::move(info)) {}

    Error(ErrorKind kind, const std::string& operation, const std::string& reason)
        : Error(ErrorInfo{kind, 0, operation, reason, {}, {}}) {}

    const ErrorInfo& info() const noexcept { return info_; }

private:
    ErrorInfo info_;
};

}  // namespace gymreel

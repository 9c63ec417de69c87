#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace gymreel {

/// The kind of a failure. Each kind becomes one class of Python exceptions.
enum class ErrorKind {
    config,           ///< An argument with an invalid value.
    frame_type,       ///< A frame that is not an array of uint8.
    frame_shape,      ///< A frame of a wrong shape.
    codec_not_found,  ///< An encoder that this FFmpeg lacks.
    output,           ///< Opening, writing, syncing or renaming a file.
    encode,           ///< Encoding, conversion, or memory for them.
    closed            ///< A call on a stream that is finished.
};

/// The description of a failure. It is plain data, because it is made on one thread and reported on another.
struct ErrorInfo {
    ErrorKind kind = ErrorKind::encode;
    int code = 0;           ///< The errno if there is one, else FFmpeg's negative code, else 0.
    std::string operation;  ///< What failed, for example "write a packet".
    std::string reason;     ///< Why it failed.
    std::string filename;   ///< The file concerned, or empty.
    std::string log;        ///< What FFmpeg logged meanwhile, or empty.
};

/// The exception type of the core. It stays on the thread that threw it: a worker stores only its ErrorInfo.
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

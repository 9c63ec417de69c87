#pragma once

#include "core/error.hpp"

namespace gymreel {

/// Check the result of an FFmpeg call, and return it if it is not negative. `operation` completes "could not …".
///
/// Thread: any.
/// Errors: Error of `kind` with FFmpeg's text for the code, and what FFmpeg logged on this thread since the innermost
/// LogCapture began.
int check(int result, const char* operation, ErrorKind kind);

/// Return FFmpeg's text for a negative code.
std::string describe_av_error(int code);

}  // namespace gymreel

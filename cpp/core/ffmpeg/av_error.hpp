#pragma once

#include "core/error.hpp"

namespace gymreel {

/// Every libav call that can fail goes through here.
///
/// Returns `result` where it is not negative.
/// Errors: Error of `kind` with FFmpeg's text, and what it logged on this thread since the innermost LogCapture began.
int check(int result, const char* operation, ErrorKind kind);

/// The text of a negative FFmpeg code.
std::string describe_av_error(int code);

}  // namespace gymreel

#pragma once

#include "core/encoding/encoder.hpp"

#include <string>

namespace gymreel {

/// Open an encoder as a recording would, for small frames, and close it again. Return the warnings of its library,
/// which are the only sign that it ignores a parameter it does not know.
///
/// Thread: any. Waits while other encoders are being opened.
/// Errors: Error (encode or config) with what was logged, if the encoder does not open; std::bad_alloc.
std::string try_encoder(const EncoderConfig& config);

}  // namespace gymreel

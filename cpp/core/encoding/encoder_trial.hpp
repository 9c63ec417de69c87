#pragma once

#include "core/encoding/encoder.hpp"

#include <string>

namespace gymreel {

/// Opens an encoder as a recording would, for frames of a usual small size, and closes it again.
///
/// Returns what the encoder's library warned of: those that pass over a parameter which they do not know tell it only
/// there.
///
/// Thread: any; waits for other encoders that are being opened.
/// Errors: Error (encode, config): it does not open with these settings, with what was logged; std::bad_alloc.
std::string try_encoder(const EncoderConfig& config);

}  // namespace gymreel

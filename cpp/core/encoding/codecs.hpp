#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/ffmpeg/options.hpp"

#include <string>
#include <vector>

namespace gymreel {

// The video encoders of the linked FFmpeg.
//
// Ownership: AVCodec objects belong to FFmpeg and live as long as the process.
// Thread: any.

struct EncoderDescription {
    std::string name;         ///< For example "libx264".
    std::string codec;        ///< The format it produces, for example "h264".
    std::string description;  ///< FFmpeg's description.
    std::vector<std::string> pixel_formats;
    bool is_hardware = false;
};

/// Return every video encoder that accepts frames in ordinary memory, in FFmpeg's order.
///
/// Errors: std::bad_alloc.
std::vector<EncoderDescription> list_encoders();

/// Return the encoder of that name.
///
/// Errors: Error (codec_not_found).
const AVCodec* find_encoder(const std::string& name);

/// Return the pixel formats that `encoder` accepts and that frames can be converted to.
///
/// Errors: std::bad_alloc.
std::vector<AVPixelFormat> supported_pixel_formats(const AVCodec* encoder);

/// Check the names and values of encoder options without opening the encoder.
///
/// Errors: Error (config) about the first option that is unknown or cannot have its value; Error (codec_not_found).
void check_encoder_options(const std::string& encoder, const Options& options);

/// Return whether the options request one pass of a two-pass encoding.
///
/// Errors: those of check_encoder_options().
bool encodes_in_two_passes(const std::string& encoder, const Options& options);

}  // namespace gymreel

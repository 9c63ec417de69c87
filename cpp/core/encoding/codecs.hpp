#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/ffmpeg/options.hpp"

#include <string>
#include <vector>

namespace gymreel {

/// A video encoder of the FFmpeg that is linked.
struct EncoderDescription {
    std::string name;         ///< For example "libx264".
    std::string codec;        ///< What it produces, for example "h264".
    std::string description;  ///< FFmpeg's own words.
    std::vector<std::string> pixel_formats;
    bool is_hardware = false;
};

/// Every video encoder that takes frames from ordinary memory, in FFmpeg's order.
std::vector<EncoderDescription> list_encoders();

/// Errors: Error (codec_not_found).
const AVCodec* find_encoder(const std::string& name);

/// The pixel formats that `encoder` takes and that frames can be converted to.
std::vector<AVPixelFormat> supported_pixel_formats(const AVCodec* encoder);

/// Checks names and values of encoder options without opening the encoder.
///
/// Errors: Error (config) that names the first option that is unknown or cannot have its value.
void check_encoder_options(const std::string& encoder, const Options& options);

/// True where the options ask for the first or the second pass of an encoding in two passes.
///
/// Errors: as check_encoder_options().
bool encodes_in_two_passes(const std::string& encoder, const Options& options);

}  // namespace gymreel

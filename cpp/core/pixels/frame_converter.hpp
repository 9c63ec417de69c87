#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/pixels/frame_pixels.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace gymreel {

/// Conversion of a frame into the pixel format of an encoder.
///
/// The encoder's frame may be one row or one column larger than the source; the last row and column are repeated there.
///
/// Ownership: borrows both images for one call.
/// Thread: one at a time.
/// Errors: Error (encode), std::bad_alloc.
class FrameConverter {
public:
    FrameConverter() = default;
    virtual ~FrameConverter() = default;
    FrameConverter(const FrameConverter&) = delete;
    FrameConverter& operator=(const FrameConverter&) = delete;

    virtual void convert(const FrameView& source, AVFrame& destination) = 0;

    /// Convert tiles as one picture, magnified `scale` times. By default they are painted on a canvas first; a converter
    /// that can write to a part of the encoder's frame avoids that copy.
    virtual void convert_tiles(const TiledView& source, int scale, AVFrame& destination);

private:
    std::vector<std::uint8_t> canvas_;
};

/// Return a converter to `format`: the kernels of convert_rows.hpp for yuv420p, yuv444p and nv12, Palettizer for pal8,
/// and swscale for every other format. Only the converter to gray16le takes frames of 16 bits, which it copies.
///
/// Errors: std::bad_alloc.
std::unique_ptr<FrameConverter> make_frame_converter(AVPixelFormat format);

/// Return whether frames can be converted to `format`.
bool is_convertible(AVPixelFormat format) noexcept;

}  // namespace gymreel

#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/pixels/frame_view.hpp"
#include "core/pixels/tiles.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace gymreel {

/// Fills the encoder's frame from a borrowed one.
///
/// The encoder's frame may be larger by a row or a column (odd sizes); the last ones are repeated into that margin.
/// Thread: one at a time. Errors: Error (encode), std::bad_alloc.
class FrameConverter {
public:
    FrameConverter() = default;
    virtual ~FrameConverter() = default;
    FrameConverter(const FrameConverter&) = delete;
    FrameConverter& operator=(const FrameConverter&) = delete;

    virtual void convert(const FrameView& source, AVFrame& destination) = 0;

    /// As what the tiles show, as one picture. Here they are painted on a canvas first; a converter that can write to
    /// parts of the encoder's frame does without.
    virtual void convert_tiles(const TiledView& source, AVFrame& destination);

private:
    std::vector<std::uint8_t> canvas_;
};

/// The way into `format`: our kernels for yuv420p, yuv444p and nv12, a palette for pal8, swscale for the rest.
std::unique_ptr<FrameConverter> make_frame_converter(AVPixelFormat format);

/// True where a frame can be converted to `format`.
bool is_convertible(AVPixelFormat format) noexcept;

}  // namespace gymreel

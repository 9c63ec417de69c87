#include "core/pixels/frame_converter.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/pixels/convert.hpp"
#include "core/pixels/pack.hpp"
#include "core/pixels/palette.hpp"
#include "core/pixels/tiles.hpp"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

namespace gymreel {
namespace {

std::optional<PlanarFormat> planar_format(AVPixelFormat format) {
    switch (format) {
        case AV_PIX_FMT_YUV420P: return PlanarFormat::yuv420p;
        case AV_PIX_FMT_YUV444P: return PlanarFormat::yuv444p;
        case AV_PIX_FMT_NV12: return PlanarFormat::nv12;
        default: return std::nullopt;
    }
}

class PlanarConverter final : public FrameConverter {
public:
    explicit PlanarConverter(PlanarFormat format) : converter_(format) {}

    void convert(const FrameView& source, AVFrame& destination) override {
        converter_.convert(source, planes_of(destination));
    }

    void convert_tiles(const TiledView& source, int scale, AVFrame& destination) override {
        converter_.convert(source, scale, planes_of(destination));
    }

private:
    static PlanarImage planes_of(const AVFrame& destination) {
        PlanarImage image;
        for (std::size_t plane = 0; plane < image.planes.size(); ++plane) {
            image.planes.at(plane) = destination.data[plane];
            image.strides.at(plane) = destination.linesize[plane];
        }
        image.width = destination.width;
        image.height = destination.height;
        return image;
    }

    Converter converter_;
};

class PaletteConverter final : public FrameConverter {
public:
    void convert(const FrameView& source, AVFrame& destination) override {
        const Palettizer::Palette& palette = palettizer_.convert(source, destination.data[0], destination.linesize[0]);
        std::memcpy(destination.data[1], palette.data(), sizeof(palette));
    }

private:
    Palettizer palettizer_;
};

/// Conversion by swscale, for every other format. swscale reads beyond the end of rows, so it gets a padded copy and
/// never borrowed memory.
class ScalerConverter final : public FrameConverter {
public:
    /// `is_full_range`: whether the destination uses all values of its type.
    explicit ScalerConverter(AVPixelFormat format, bool is_full_range = false)
        : format_(format), is_full_range_(is_full_range) {}

    void convert(const FrameView& source, AVFrame& destination) override {
        if (source.channels != channels_) open(source.channels, destination.width, destination.height);
        const int padded_bytes = destination.width * source.channels;
        for (int y = 0; y < destination.height; ++y) {
            std::uint8_t* row = copy_.data() + static_cast<std::ptrdiff_t>(y) * stride_;
            pack_rows(source, std::min(y, source.height - 1), 1, source.channels, row, 0);
            for (int x = source.width * source.channels; x < padded_bytes; ++x) row[x] = row[x - source.channels];
        }
        const std::uint8_t* const planes[] = {copy_.data()};
        const int strides[] = {stride_};
        check(sws_scale(scaler_.get(), planes, strides, 0, destination.height, destination.data, destination.linesize),
              "convert the frame's colours", ErrorKind::encode);
    }

private:
    void open(int channels, int width, int height) {
        constexpr int alignment = 64;
        stride_ = (width * channels + 2 * alignment) / alignment * alignment;
        copy_.resize(static_cast<std::size_t>(stride_) * height + alignment);
        const AVPixelFormat source_format = channels == 1   ? AV_PIX_FMT_GRAY8
                                            : channels == 3 ? AV_PIX_FMT_RGB24
                                                            : AV_PIX_FMT_RGB0;
        scaler_.reset(sws_getContext(width, height, source_format, width, height, format_,
                                     SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nullptr, nullptr, nullptr));
        if (!scaler_) {
            throw Error(ErrorKind::encode, "convert the frame's colours",
                        std::string("no conversion to ") + av_get_pix_fmt_name(format_));
        }
        const int* const bt709 = sws_getCoefficients(SWS_CS_ITU709);
        constexpr int limited = 0;
        constexpr int full = 1;
        constexpr int unity = 1 << 16;
        sws_setColorspaceDetails(scaler_.get(), bt709, full, bt709, is_full_range_ ? full : limited, 0, unity, unity);
        channels_ = channels;
    }

    AVPixelFormat format_;
    bool is_full_range_;
    ScalerPtr scaler_;
    std::vector<std::uint8_t> copy_;
    int stride_ = 0;
    int channels_ = 0;  // Of the frames that the scaler was opened for.
};

/// A copy of grey frames of 16 bits, little-endian as every machine that gymreel is built for. Frames of 8 bits are converted.
class Gray16Converter final : public FrameConverter {
public:
    void convert(const FrameView& source, AVFrame& destination) override {
        if (source.channels == 2) {
            pack_rows(source, 0, source.height, 2, destination.data[0], destination.linesize[0]);
        } else {
            from_8_bits_.convert(source, destination);
        }
    }

private:
    ScalerConverter from_8_bits_{AV_PIX_FMT_GRAY16LE, true};
};

}  // namespace

void FrameConverter::convert_tiles(const TiledView& source, int scale, AVFrame& destination) {
    canvas_.resize(canvas_bytes(source));
    convert(magnified(compose(source, canvas_.data()), scale), destination);
}

std::unique_ptr<FrameConverter> make_frame_converter(AVPixelFormat format) {
    if (const auto planar = planar_format(format)) return std::make_unique<PlanarConverter>(*planar);
    if (format == AV_PIX_FMT_PAL8) return std::make_unique<PaletteConverter>();
    if (format == AV_PIX_FMT_GRAY16LE) return std::make_unique<Gray16Converter>();
    return std::make_unique<ScalerConverter>(format);
}

bool is_convertible(AVPixelFormat format) noexcept {
    const AVPixFmtDescriptor* const descriptor = av_pix_fmt_desc_get(format);
    if (descriptor == nullptr || (descriptor->flags & AV_PIX_FMT_FLAG_HWACCEL) != 0) return false;
    // The deprecated yuvj formats imply full range, but the conversion writes limited range.
    if (std::strncmp(descriptor->name, "yuvj", 4) == 0) return false;
    return format == AV_PIX_FMT_PAL8 || planar_format(format).has_value() || sws_isSupportedOutput(format) != 0;
}

}  // namespace gymreel

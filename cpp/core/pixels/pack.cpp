#include "core/pixels/pack.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

namespace gymreel {
namespace {

/// Return whether the pixels of a column are closer together than those of a row, as in a transposed frame.
bool has_closer_columns(const FrameView& source) {
    return std::abs(source.pixel_stride) > std::abs(source.row_stride) && source.row_stride != 0;
}

/// Copy `num_outer` runs of `num_inner` pixels each. The strides are the distances between runs and between pixels.
template <typename CopyPixel>
void copy_pixels(const std::uint8_t* from, std::uint8_t* to, int num_outer, int num_inner, std::ptrdiff_t from_outer,
                 std::ptrdiff_t from_inner, std::ptrdiff_t to_outer, std::ptrdiff_t to_inner, CopyPixel copy_pixel) {
    for (int i = 0; i < num_outer; ++i) {
        const std::uint8_t* inner_from = from + i * from_outer;
        std::uint8_t* inner_to = to + i * to_outer;
        for (int j = 0; j < num_inner; ++j) {
            copy_pixel(inner_from, inner_to);
            inner_from += from_inner;
            inner_to += to_inner;
        }
    }
}

template <int num_channels>
void pack_strided_rows(const FrameView& source, int first_row, int num_rows, std::uint8_t* destination,
                       std::ptrdiff_t stride) {
    const std::uint8_t* const first = source.data + first_row * source.row_stride;
    const auto copy = [&](auto copy_pixel) {
        // The inner loop follows the smaller stride of the source.
        if (has_closer_columns(source)) {
            copy_pixels(first, destination, source.width, num_rows, source.pixel_stride, source.row_stride,
                        num_channels, stride, copy_pixel);
        } else {
            copy_pixels(first, destination, num_rows, source.width, source.row_stride, source.pixel_stride, stride,
                        num_channels, copy_pixel);
        }
    };
    if (source.channel_stride == 1 || num_channels == 1) {
        copy([](const std::uint8_t* from, std::uint8_t* to) { std::memcpy(to, from, num_channels); });
    } else {
        const std::ptrdiff_t step = source.channel_stride;
        copy([step](const std::uint8_t* from, std::uint8_t* to) {
            for (int channel = 0; channel < num_channels; ++channel) to[channel] = from[channel * step];
        });
    }
}

/// Repeat each of `num_pixels` pixels at the beginning of a row `scale` times, in place.
template <int num_channels>
void magnify_row(std::uint8_t* row, int num_pixels, int scale) {
    using Pixel = std::array<std::uint8_t, num_channels>;
    std::uint8_t* to = row + static_cast<std::ptrdiff_t>(num_pixels) * num_channels * scale;
    for (int i = num_pixels - 1; i >= 0; --i) {  // From the end, so that nothing is overwritten before it was read.
        Pixel pixel;
        std::memcpy(pixel.data(), row + static_cast<std::ptrdiff_t>(i) * num_channels, num_channels);
        for (int copy = 0; copy < scale; ++copy) {
            to -= num_channels;
            std::memcpy(to, pixel.data(), num_channels);
        }
    }
}

void magnify_row(std::uint8_t* row, int num_pixels, int num_channels, int scale) {
    if (num_channels == 1) {
        magnify_row<1>(row, num_pixels, scale);
    } else if (num_channels == 2) {
        magnify_row<2>(row, num_pixels, scale);
    } else if (num_channels == 3) {
        magnify_row<3>(row, num_pixels, scale);
    } else {
        magnify_row<4>(row, num_pixels, scale);
    }
}

void pack_magnified_rows(const FrameView& source, int first_row, int num_rows, int num_channels,
                         std::uint8_t* destination, std::ptrdiff_t stride) {
    FrameView original = source;
    original.width /= source.scale;
    original.height /= source.scale;
    original.scale = 1;
    const std::size_t row_bytes = static_cast<std::size_t>(source.width) * static_cast<std::size_t>(num_channels);
    for (int row = 0; row < num_rows; ++row) {
        std::uint8_t* const to = destination + row * stride;
        if (row > 0 && (first_row + row) % source.scale != 0) {
            std::memcpy(to, to - stride, row_bytes);
        } else {
            pack_rows(original, (first_row + row) / source.scale, 1, num_channels, to, stride);
            magnify_row(to, original.width, num_channels, source.scale);
        }
    }
}

}  // namespace

int rows_per_pack(const FrameView& source) noexcept { return (has_closer_columns(source) ? 8 : 2) * source.scale; }

void pack_rows(const FrameView& source, int first_row, int num_rows, int num_channels, std::uint8_t* destination,
               std::ptrdiff_t stride) noexcept {
    if (source.scale > 1) {
        pack_magnified_rows(source, first_row, num_rows, num_channels, destination, stride);
        return;
    }
    const bool has_packed_channels = source.channel_stride == 1 || num_channels == 1;
    if (has_packed_channels && source.pixel_stride == num_channels) {
        const std::size_t row_bytes = static_cast<std::size_t>(source.width) * static_cast<std::size_t>(num_channels);
        for (int row = 0; row < num_rows; ++row) {
            std::memcpy(destination + row * stride, source.data + (first_row + row) * source.row_stride, row_bytes);
        }
    } else if (num_channels == 1) {
        pack_strided_rows<1>(source, first_row, num_rows, destination, stride);
    } else if (num_channels == 2) {
        pack_strided_rows<2>(source, first_row, num_rows, destination, stride);
    } else if (num_channels == 3) {
        pack_strided_rows<3>(source, first_row, num_rows, destination, stride);
    } else {
        pack_strided_rows<4>(source, first_row, num_rows, destination, stride);
    }
}

FrameView pack_frame(const FrameView& source, std::uint8_t* destination) noexcept {
    const std::ptrdiff_t row_bytes = static_cast<std::ptrdiff_t>(source.width) * source.channels;
    for (int row = 0; row < source.height; row += rows_per_pack(source)) {
        const int num_rows = std::min(rows_per_pack(source), source.height - row);
        pack_rows(source, row, num_rows, source.channels, destination + row * row_bytes, row_bytes);
    }
    FrameView copy = source;
    copy.data = destination;
    copy.row_stride = row_bytes;
    copy.pixel_stride = source.channels;
    copy.channel_stride = 1;
    return copy;
}

}  // namespace gymreel

#include "convert.hpp"

#include "convert_rows.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace gymreel {
namespace {

/// Transposed: the pixels of a column are closer together than those of a row.
bool has_closer_columns(const FrameView& source) {
    return std::abs(source.pixel_stride) > std::abs(source.row_stride) && source.row_stride != 0;
}

/// Two rows stay in the first-level cache until they are converted. Of a transposed frame, one cache line holds a pixel
/// of each of several rows, and the more of them are used at once, the better.
int rows_per_gather(const FrameView& source) { return has_closer_columns(source) ? 8 : 2; }

/// The row kernel's view of the source, if its rows are packed as they are.
struct PackedRows {
    RowLayout layout;
    const std::uint8_t* data;
};

std::optional<PackedRows> find_packed_rows(const FrameView& source) {
    const auto has_pixels_of = [&](int num_bytes) { return source.width == 1 || source.pixel_stride == num_bytes; };
    // A grey image broadcast to three channels is still grey.
    if ((source.channels == 1 || source.channel_stride == 0) && has_pixels_of(1)) {
        return PackedRows{RowLayout::grey8, source.data};
    }
    if (source.channels == 3 && source.channel_stride == 1 && has_pixels_of(3)) {
        return PackedRows{RowLayout::rgb24, source.data};
    }
    if (source.channels == 3 && source.channel_stride == -1 && has_pixels_of(3)) {
        return PackedRows{RowLayout::bgr24, source.data - 2};
    }
    if (source.channels == 4 && source.channel_stride == 1 && has_pixels_of(4)) {
        return PackedRows{RowLayout::rgba32, source.data};
    }
    return std::nullopt;
}

/// Copies pixels, `num_inner` at a time with one step and `num_outer` times with another.
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

/// Packs `num_rows` rows from `first_row` on as RGB24 (`num_channels` 3) or grey8 (1).
void gather_rows(const FrameView& source, int first_row, int num_rows, int num_channels, std::uint8_t* packed,
                 std::ptrdiff_t packed_stride) {
    const std::uint8_t* const first = source.data + first_row * source.row_stride;
    const auto copy = [&](auto copy_pixel) {
        // The inner loop runs along the shorter step of the source.
        if (has_closer_columns(source)) {
            copy_pixels(first, packed, source.width, num_rows, source.pixel_stride, source.row_stride, num_channels,
                        packed_stride, copy_pixel);
        } else {
            copy_pixels(first, packed, num_rows, source.width, source.row_stride, source.pixel_stride, packed_stride,
                        num_channels, copy_pixel);
        }
    };
    if (num_channels == 1) {
        copy([](const std::uint8_t* from, std::uint8_t* to) { *to = *from; });
    } else if (source.channel_stride == 1) {
        copy([](const std::uint8_t* from, std::uint8_t* to) { std::memcpy(to, from, 3); });
    } else {
        const std::ptrdiff_t step = source.channel_stride;
        copy([step](const std::uint8_t* from, std::uint8_t* to) {
            const std::uint8_t r = from[0], g = from[step], b = from[2 * step];
            to[0] = r;
            to[1] = g;
            to[2] = b;
        });
    }
}

}  // namespace

Converter::Converter(PlanarFormat format, ColorMatrix matrix, ColorRange range)
    : Converter(format, matrix, range, best_row_kernels()) {}

Converter::Converter(PlanarFormat format, ColorMatrix matrix, ColorRange range, const RowKernels& kernels)
    : format_(format), matrix_(matrix), range_(range), kernels_(&kernels) {}

void Converter::convert(const FrameView& source, const PlanarImage& destination) {
    const YuvWeights weights = yuv_weights(matrix_, range_);
    const std::optional<PackedRows> packed = find_packed_rows(source);
    const int scratch_channels = source.channels == 1 ? 1 : 3;
    const std::ptrdiff_t scratch_stride = static_cast<std::ptrdiff_t>(source.width) * scratch_channels;
    if (!packed) {
        scratch_.resize(static_cast<std::size_t>(scratch_stride * rows_per_gather(source)));
    }
    const RowLayout layout = packed ? packed->layout : scratch_channels == 1 ? RowLayout::grey8 : RowLayout::rgb24;
    const RowKernel kernel = kernels_->find(layout, format_);

    const int rows_per_job = format_ == PlanarFormat::yuv444p ? 1 : 2;
    const auto plane_row = [&](std::size_t plane, int row) {
        return destination.planes[plane] + row * destination.strides[plane];
    };
    int first_gathered = 0;
    int end_gathered = 0;
    const auto source_row = [&](int row) -> const std::uint8_t* {
        row = std::min(row, source.height - 1);
        if (packed) {
            return packed->data + row * source.row_stride;
        }
        if (row >= end_gathered) {
            first_gathered = row;
            end_gathered = std::min(row + rows_per_gather(source), source.height);
            gather_rows(source, row, end_gathered - row, scratch_channels, scratch_.data(), scratch_stride);
        }
        return scratch_.data() + (row - first_gathered) * scratch_stride;
    };

    RowJob job;
    job.source_width = source.width;
    job.width = destination.width;
    for (int row = 0; row < destination.height; row += rows_per_job) {
        // Rows come in order and a gather starts at an even row, so both rows of a job are in the same gather.
        const int bottom = std::min(row + rows_per_job, destination.height) - 1;
        job.top = source_row(row);
        job.bottom = source_row(bottom);
        job.y_top = plane_row(0, row);
        job.y_bottom = plane_row(0, bottom);
        job.u = plane_row(1, row / rows_per_job);
        job.v = format_ == PlanarFormat::nv12 ? nullptr : plane_row(2, row / rows_per_job);
        kernel(weights, job);
    }
}

}  // namespace gymreel

#include "core/pixels/convert.hpp"

#include "core/pixels/convert_rows.hpp"
#include "core/pixels/pack.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace gymreel {
namespace {

/// A source whose rows a kernel can read in place.
struct PackedRows {
    RowLayout layout;
    const std::uint8_t* data;
};

std::optional<PackedRows> find_packed_rows(const FrameView& source) {
    if (source.scale > 1) return std::nullopt;
    const auto has_pixels_of = [&](int num_bytes) { return source.width == 1 || source.pixel_stride == num_bytes; };
    // All channels of a grey image that was broadcast to three are the same byte.
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

}  // namespace

Converter::Converter(PlanarFormat format) : Converter(format, best_row_kernels()) {}

Converter::Converter(PlanarFormat format, const RowKernels& kernels) : format_(format), kernels_(&kernels) {}

void Converter::convert(const FrameView& source, const PlanarImage& destination) {
    const YuvWeights weights = yuv_weights();
    const std::optional<PackedRows> packed = find_packed_rows(source);
    const int scratch_channels = source.channels == 1 ? 1 : 3;
    const std::ptrdiff_t scratch_stride = static_cast<std::ptrdiff_t>(source.width) * scratch_channels;
    if (!packed) {
        scratch_.resize(static_cast<std::size_t>(scratch_stride * rows_per_pack(source)));
    }
    const RowLayout layout = packed ? packed->layout : scratch_channels == 1 ? RowLayout::grey8 : RowLayout::rgb24;
    const RowKernel kernel = kernels_->find(layout, format_);

    const int rows_per_job = format_ == PlanarFormat::yuv444p ? 1 : 2;
    const auto plane_row = [&](std::size_t plane, int row) {
        return destination.planes[plane] + row * destination.strides[plane];
    };
    int first_packed = 0;
    int end_packed = 0;
    const auto source_row = [&](int row) -> const std::uint8_t* {
        row = std::min(row, source.height - 1);
        if (packed) {
            return packed->data + row * source.row_stride;
        }
        if (row >= end_packed) {
            first_packed = row;
            end_packed = std::min(row + rows_per_pack(source), source.height);
            pack_rows(source, row, end_packed - row, scratch_channels, scratch_.data(), scratch_stride);
        }
        return scratch_.data() + (row - first_packed) * scratch_stride;
    };

    RowJob job;
    job.source_width = source.width;
    job.width = destination.width;
    const bool is_420 = rows_per_job == 2;
    const int chroma_width = is_420 ? (destination.width + 1) / 2 : destination.width;
    const std::array<int, 3> plane_widths{
        destination.width, format_ == PlanarFormat::nv12 ? 2 * chroma_width : chroma_width, chroma_width};
    const auto copy_row = [&](std::size_t plane, int to, int from) {
        std::memcpy(plane_row(plane, to), plane_row(plane, from), static_cast<std::size_t>(plane_widths.at(plane)));
    };
    for (int row = 0; row < destination.height; row += rows_per_job) {
        // Rows are visited in order, and packing begins at an even row, so both rows of a job are packed together.
        const int bottom = std::min(row + rows_per_job, destination.height) - 1;
        const int previous = row - rows_per_job;
        if (previous >= 0 && previous / source.scale == std::min(bottom, source.height - 1) / source.scale) {
            // A magnified row, or the margin: the same again.
            copy_row(0, row, previous);
            copy_row(0, bottom, previous);
            copy_row(1, row / rows_per_job, previous / rows_per_job);
            if (format_ != PlanarFormat::nv12) copy_row(2, row / rows_per_job, previous / rows_per_job);
            continue;
        }
        job.top = source_row(row);
        job.bottom = source_row(bottom);
        job.y_top = plane_row(0, row);
        job.y_bottom = plane_row(0, bottom);
        job.u = plane_row(1, row / rows_per_job);
        job.v = format_ == PlanarFormat::nv12 ? nullptr : plane_row(2, row / rows_per_job);
        kernel(weights, job);
    }
}

void Converter::convert(const TiledView& source, int scale, const PlanarImage& destination) {
    // The canvas before it is magnified, without what an odd scale leaves of the encoder's even size.
    const FrameSize size{destination.width / scale, destination.height / scale};
    const auto part = [&](const Region& region) {
        const int end_x = region.x + region.width;
        const int end_y = region.y + region.height;
        const int right = end_x == size.width ? destination.width : scale * end_x;
        const int bottom = end_y == size.height ? destination.height : scale * end_y;
        return part_of(destination,
                       {scale * region.x, scale * region.y, right - scale * region.x, bottom - scale * region.y});
    };
    for (const Region& gap : find_gaps(source, size)) fill_black(part(gap));
    for (const Tile& tile : source.tiles) convert(magnified(tile.view, scale), part(region_of(tile, size)));
}

/// Return the planes of a region, whose coordinates are even.
PlanarImage Converter::part_of(const PlanarImage& image, const Region& region) const {
    const int chroma_step = format_ == PlanarFormat::yuv444p ? 1 : 2;  // Pixels per sample.
    const int chroma_x = format_ == PlanarFormat::nv12 ? region.x : region.x / chroma_step;
    PlanarImage part = image;
    part.planes[0] += region.y * image.strides[0] + region.x;
    for (std::size_t plane = 1; plane < (format_ == PlanarFormat::nv12 ? 2U : 3U); ++plane) {
        part.planes.at(plane) += region.y / chroma_step * image.strides.at(plane) + chroma_x;
    }
    part.width = region.width;
    part.height = region.height;
    return part;
}

void Converter::fill_black(const PlanarImage& image) const {
    const YuvWeights weights = yuv_weights();
    const auto fill = [&](std::size_t plane, int value, int width, int height) {
        for (int row = 0; row < height; ++row) {
            std::memset(image.planes[plane] + row * image.strides[plane], value, static_cast<std::size_t>(width));
        }
    };
    // With all components zero, the formulas leave only the biases.
    fill(0, weights.y_bias >> 8, image.width, image.height);
    const int neutral = weights.chroma_bias >> 8;
    const bool is_shared = format_ != PlanarFormat::yuv444p;
    const int width = is_shared ? (image.width + 1) / 2 : image.width;
    const int height = is_shared ? (image.height + 1) / 2 : image.height;
    if (format_ == PlanarFormat::nv12) {
        fill(1, neutral, 2 * width, height);
    } else {
        fill(1, neutral, width, height);
        fill(2, neutral, width, height);
    }
}

}  // namespace gymreel

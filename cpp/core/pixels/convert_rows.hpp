#pragma once

#include "core/pixels/convert.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gymreel {

/// How the pixels of one row lie in memory, without gaps. Every other layout is gathered into `rgb24` first.
enum class RowLayout { grey8, rgb24, bgr24, rgba32 };

constexpr std::size_t num_row_layouts = 4;
constexpr std::size_t num_planar_formats = 3;

constexpr int bytes_per_pixel(RowLayout layout) {
    return layout == RowLayout::grey8 ? 1 : layout == RowLayout::rgba32 ? 4 : 3;
}

/// The conversion in fixed point: weights as magnitudes in 1/65536, biases in 1/256 of an output step.
/// convert_rows_plain.cpp holds the formulas, and is the only place that does.
struct YuvWeights {
    std::uint16_t y_from_r = 0, y_from_g = 0, y_from_b = 0, y_bias = 0;
    std::uint16_t u_from_r = 0, u_from_g = 0;  ///< Subtracted.
    std::uint16_t v_from_g = 0, v_from_b = 0;  ///< Subtracted.
    std::uint16_t chroma_from_own = 0;         ///< U from B and V from R, added.
    std::uint16_t chroma_bias = 0;
};

YuvWeights yuv_weights(ColorMatrix matrix, ColorRange range);

/// What one call converts: two rows for 4:2:0, one row (`top`, `y_top`) for 4:4:4.
/// `bottom` may be `top`, and then `y_bottom` may be `y_top`: the last row of an odd height.
/// Columns from `source_width` to `width` repeat the last pixel; nothing is read or written beyond either width.
struct RowJob {
    const std::uint8_t* top = nullptr;
    const std::uint8_t* bottom = nullptr;
    int source_width = 0;
    std::uint8_t* y_top = nullptr;
    std::uint8_t* y_bottom = nullptr;
    std::uint8_t* u = nullptr;  ///< In NV12 the interleaved row of U and V.
    std::uint8_t* v = nullptr;  ///< Null in NV12.
    int width = 0;              ///< At least `source_width`.
};

using RowKernel = void (*)(const YuvWeights& weights, const RowJob& job);

/// One implementation of every conversion. All of them give the same bytes.
///
/// Ownership: tables are constants that live as long as the process.
/// Thread: kernels keep no state; call them from any thread.
/// Errors: none.
struct RowKernels {
    const char* name = "";
    std::array<std::array<RowKernel, num_planar_formats>, num_row_layouts> table{};

    RowKernel find(RowLayout layout, PlanarFormat format) const {
        return table[static_cast<std::size_t>(layout)][static_cast<std::size_t>(format)];
    }
};

/// The reference.
const RowKernels& plain_row_kernels();

/// The fastest for this processor; the reference where the build has no Highway.
const RowKernels& best_row_kernels();

/// Every SIMD implementation that this build holds and this processor runs, for tests and benchmarks. Not thread-safe:
/// it steers the dispatch of the whole process while it collects them.
std::vector<const RowKernels*> simd_row_kernels();

}  // namespace gymreel

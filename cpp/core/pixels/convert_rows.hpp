#pragma once

#include "core/pixels/convert.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gymreel {

/// The layouts of a row that kernels read in place. Rows of any other layout are packed into `rgb24` or `grey8` first.
enum class RowLayout { grey8, rgb24, bgr24, rgba32 };

constexpr std::size_t num_row_layouts = 4;
constexpr std::size_t num_planar_formats = 3;

constexpr int bytes_per_pixel(RowLayout layout) {
    return layout == RowLayout::grey8 ? 1 : layout == RowLayout::rgba32 ? 4 : 3;
}

/// The conversion in fixed point: weights as magnitudes in units of 1/65536, biases in units of 1/256 of an output
/// step. convert_rows_plain.cpp has the formulas.
struct YuvWeights {
    std::uint16_t y_from_r = 0, y_from_g = 0, y_from_b = 0, y_bias = 0;
    std::uint16_t u_from_r = 0, u_from_g = 0;  ///< Subtracted.
    std::uint16_t v_from_g = 0, v_from_b = 0;  ///< Subtracted.
    std::uint16_t chroma_from_own = 0;         ///< U from B and V from R, added.
    std::uint16_t chroma_bias = 0;
};

/// Return the weights of BT.709 in limited range.
YuvWeights yuv_weights() noexcept;

/// The input and output of one call: two rows for 4:2:0, one row (`top`, `y_top`) for 4:4:4.
/// For the last row of an odd height, `bottom` equals `top` and `y_bottom` equals `y_top`.
/// Columns from `source_width` to `width` repeat the last pixel. Nothing is read or written beyond either width.
struct RowJob {
    const std::uint8_t* top = nullptr;
    const std::uint8_t* bottom = nullptr;
    int source_width = 0;
    std::uint8_t* y_top = nullptr;
    std::uint8_t* y_bottom = nullptr;
    std::uint8_t* u = nullptr;  ///< In NV12, the row of interleaved U and V.
    std::uint8_t* v = nullptr;  ///< Null in NV12.
    int width = 0;              ///< At least `source_width`.
};

using RowKernel = void (*)(const YuvWeights& weights, const RowJob& job);

/// One implementation of every conversion. All implementations write the same bytes.
///
/// Ownership: tables are constants that live as long as the process.
/// Thread: any. Kernels keep no state.
/// Errors: none.
struct RowKernels {
    const char* name = "";
    std::array<std::array<RowKernel, num_planar_formats>, num_row_layouts> table{};

    RowKernel find(RowLayout layout, PlanarFormat format) const {
        return table[static_cast<std::size_t>(layout)][static_cast<std::size_t>(format)];
    }
};

/// Return the portable implementation, which the others are tested against.
const RowKernels& plain_row_kernels();

/// Return the fastest implementation for this processor, or the portable one in a build without Highway.
const RowKernels& best_row_kernels();

/// Return every SIMD implementation that was built and that this processor runs. For tests and benchmarks.
///
/// Thread: one at a time, and no conversions meanwhile: it changes the dispatch of the whole process while it runs.
std::vector<const RowKernels*> simd_row_kernels();

}  // namespace gymreel

#include "core/pixels/convert_rows.hpp"

#include <algorithm>

// The arithmetic of the conversion. The SIMD kernels compute the same bytes.
//
// R, G, B in 0..255 are non-linear (gamma-coded) components. With E' = component / 255, ITU-R BT.709-6 (section 3,
// items 3.2 to 3.4) defines
//
//     E'Y  = Kr E'R + (1 - Kr - Kb) E'G + Kb E'B        Kr = 0.2126, Kb = 0.0722
//     E'Cb = (E'B - E'Y) / (2 (1 - Kb))
//     E'Cr = (E'R - E'Y) / (2 (1 - Kr))
//
//     limited range, 8 bits:  Y = 16 + 219 E'Y,  Cb = 128 + 224 E'Cb,  Cr = 128 + 224 E'Cr
//
// In fixed point, a component is scaled to 0..65280 (256 times its value), and of each product with a weight the upper
// 16 bits are kept: the term in units of 1/256 of an output step, rounded down.
//
//     term(c, w) = (256 c * w) >> 16                         w = weight * 65536, rounded
//     Y = (y_bias + term(R) + term(G) + term(B)) >> 8
//     U = (chroma_bias - term(R) - term(G) + term(B)) >> 8   (V with R and B exchanged)
//
// Each bias is the offset plus one half for rounding, plus a correction for the terms' being rounded down: on average
// the sum is one and a half units too small for luma, and half a unit too large for chroma, where two terms are
// subtracted. The weight of green is what the other two leave, so that the luma weights sum to the whole range (white
// is exactly 235) and the chroma weights to zero (grey is exactly 128). No sum leaves 0..65535, so nothing is clamped.
// Compared with the formulas in double precision no value is off by more than one, and 99.5 % are equal.
//
// A 4:2:0 chroma sample is computed from the average of its 2x2 block and lies in the centre of the block: 64 times the
// sum of the four components replaces 256 c, so nothing is rounded before the matrix.

namespace gymreel {
namespace {

constexpr std::uint16_t to_fixed(double weight) { return static_cast<std::uint16_t>(weight * 65536.0 + 0.5); }

constexpr YuvWeights make_weights() {
    constexpr double kr = 0.2126;
    constexpr double kb = 0.0722;
    constexpr double luma = 219.0 / 255.0;
    constexpr double chroma = 224.0 / 255.0;
    YuvWeights w;
    w.y_from_r = to_fixed(luma * kr);
    w.y_from_b = to_fixed(luma * kb);
    w.y_from_g = static_cast<std::uint16_t>(to_fixed(luma) - w.y_from_r - w.y_from_b);
    w.chroma_from_own = to_fixed(chroma * 0.5);
    w.u_from_r = to_fixed(chroma * 0.5 * kr / (1.0 - kb));
    w.u_from_g = static_cast<std::uint16_t>(w.chroma_from_own - w.u_from_r);
    w.v_from_b = to_fixed(chroma * 0.5 * kb / (1.0 - kr));
    w.v_from_g = static_cast<std::uint16_t>(w.chroma_from_own - w.v_from_b);
    w.y_bias = 16 * 256 + 128 + 1;
    w.chroma_bias = 128 * 256 + 128 - 1;
    return w;
}

/// Up to 128 pixels of a row, each component times 256. Rows are converted in such pieces because compilers vectorise
/// loops over these arrays, but not over interleaved bytes.
struct Piece {
    static constexpr int max_pixels = 128;
    std::array<std::uint16_t, max_pixels> r, g, b;
};

/// Load `num_pixels` pixels, beginning with column `x`. Beyond the end of the source the last pixel is repeated.
template <RowLayout layout>
void load(const std::uint8_t* row, int source_width, int x, int num_pixels, Piece& piece) {
    constexpr std::size_t r = layout == RowLayout::bgr24 ? 2 : 0;
    constexpr std::size_t g = layout == RowLayout::grey8 ? 0 : 1;
    constexpr std::size_t b = layout == RowLayout::grey8 || layout == RowLayout::bgr24 ? 0 : 2;
    const auto load_pixel = [&](int i, int column) {
        const std::uint8_t* const pixel = row + static_cast<std::ptrdiff_t>(column) * bytes_per_pixel(layout);
        const auto to = static_cast<std::size_t>(i);
        piece.r[to] = static_cast<std::uint16_t>(pixel[r] << 8);
        piece.g[to] = static_cast<std::uint16_t>(pixel[g] << 8);
        piece.b[to] = static_cast<std::uint16_t>(pixel[b] << 8);
    };
    int i = 0;
    for (const int num_real = std::min(num_pixels, source_width - x); i < num_real; ++i) {
        load_pixel(i, x + i);
    }
    for (; i < num_pixels; ++i) {
        load_pixel(i, source_width - 1);
    }
}

std::uint16_t term(std::uint16_t scaled, std::uint16_t weight) {
    return static_cast<std::uint16_t>((std::uint32_t{scaled} * weight) >> 16);
}

void luma(const YuvWeights& w, const Piece& c, int num_pixels, std::uint8_t* y) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(num_pixels); ++i) {
        const auto sum = static_cast<std::uint16_t>(w.y_bias + term(c.r[i], w.y_from_r) + term(c.g[i], w.y_from_g) +
                                                    term(c.b[i], w.y_from_b));
        y[i] = static_cast<std::uint8_t>(sum >> 8);
    }
}

/// Write U and V. `step` is 2 if they are interleaved.
template <int step>
void chroma(const YuvWeights& w, const Piece& c, int num_samples, std::uint8_t* u, std::uint8_t* v) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(num_samples); ++i) {
        const auto sum_u = static_cast<std::uint16_t>(w.chroma_bias - term(c.r[i], w.u_from_r) -
                                                      term(c.g[i], w.u_from_g) + term(c.b[i], w.chroma_from_own));
        const auto sum_v = static_cast<std::uint16_t>(w.chroma_bias - term(c.b[i], w.v_from_b) -
                                                      term(c.g[i], w.v_from_g) + term(c.r[i], w.chroma_from_own));
        u[step * i] = static_cast<std::uint8_t>(sum_u >> 8);
        v[step * i] = static_cast<std::uint8_t>(sum_v >> 8);
    }
}

/// Overwrite the first half of `top` with the averages of the 2x2 blocks. They are exact, because 256 times an integer
/// is divisible by four.
void average_blocks(Piece& top, const Piece& bottom, int num_blocks) {
    const auto average = [&](auto& t, const auto& b) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(num_blocks); ++i) {
            t[i] = static_cast<std::uint16_t>(t[2 * i] / 4 + t[2 * i + 1] / 4 + b[2 * i] / 4 + b[2 * i + 1] / 4);
        }
    };
    average(top.r, bottom.r);
    average(top.g, bottom.g);
    average(top.b, bottom.b);
}

template <RowLayout layout>
void convert_444(const YuvWeights& weights, const RowJob& job) {
    const YuvWeights w = weights;  // A copy, because the compiler must assume that a plane overlaps `weights`.
    Piece piece;
    for (int x = 0; x < job.width; x += Piece::max_pixels) {
        const int num_pixels = std::min(Piece::max_pixels, job.width - x);
        load<layout>(job.top, job.source_width, x, num_pixels, piece);
        luma(w, piece, num_pixels, job.y_top + x);
        chroma<1>(w, piece, num_pixels, job.u + x, job.v + x);
    }
}

template <RowLayout layout, bool is_nv12>
void convert_420(const YuvWeights& weights, const RowJob& job) {
    const YuvWeights w = weights;
    Piece top;
    Piece bottom;
    for (int x = 0; x < job.width; x += Piece::max_pixels) {
        const int num_pixels = std::min(Piece::max_pixels, job.width - x);
        const int num_blocks = (num_pixels + 1) / 2;
        load<layout>(job.top, job.source_width, x, 2 * num_blocks, top);
        load<layout>(job.bottom, job.source_width, x, 2 * num_blocks, bottom);
        luma(w, top, num_pixels, job.y_top + x);
        luma(w, bottom, num_pixels, job.y_bottom + x);
        average_blocks(top, bottom, num_blocks);
        if constexpr (is_nv12) {
            chroma<2>(w, top, num_blocks, job.u + x, job.u + x + 1);
        } else {
            chroma<1>(w, top, num_blocks, job.u + x / 2, job.v + x / 2);
        }
    }
}

/// Return the kernels in the order of PlanarFormat.
template <RowLayout layout>
constexpr std::array<RowKernel, num_planar_formats> kernels_for() {
    return {convert_420<layout, false>, convert_444<layout>, convert_420<layout, true>};
}

}  // namespace

YuvWeights yuv_weights() noexcept {
    static constexpr YuvWeights bt709_limited = make_weights();
    return bt709_limited;
}

const RowKernels& plain_row_kernels() {
    static constexpr RowKernels kernels{"plain",
                                        {{kernels_for<RowLayout::grey8>(), kernels_for<RowLayout::rgb24>(),
                                          kernels_for<RowLayout::bgr24>(), kernels_for<RowLayout::rgba32>()}}};
    return kernels;
}

#if !defined(GYMREEL_HAVE_HIGHWAY)

const RowKernels& best_row_kernels() { return plain_row_kernels(); }

std::vector<const RowKernels*> simd_row_kernels() { return {}; }

#endif

}  // namespace gymreel

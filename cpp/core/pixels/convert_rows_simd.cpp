// The row kernels, written with Google Highway: this file is compiled once for each instruction set, and the best one
// for the processor is chosen at run time. The arithmetic is that of convert_rows_plain.cpp, bit for bit.
//
// A vector holds 8-bit samples of N neighbouring pixels. Seen as 16-bit lanes, `v << 8` is 256 times each even sample
// and `v & 0xFF00` is 256 times each odd one, which is the scaling that `term` needs. Each result is in the upper byte
// of its lane, so that `even >> 8 | odd & 0xFF00` puts the results in order. No sample has to be widened or packed.
//
// Existing libraries do not serve: swscale is about ten times slower, and libyuv, at about the same speed, supports
// only BT.601 for RGB24.

#if defined(GYMREEL_HAVE_HIGHWAY)

#include "core/pixels/convert_rows.hpp"

#include <algorithm>
#include <cstring>

// Vectors whose size is unknown at compile time cannot be members of a struct. ARM uses NEON instead.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/pixels/convert_rows_simd.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gymreel::HWY_NAMESPACE {
namespace {

#if HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128 || (defined(HWY_SSE2) && HWY_TARGET == HWY_SSE2)

// Without byte shuffles the portable loops are faster.
const RowKernels* row_kernels() { return &plain_row_kernels(); }

#else

namespace hn = hwy::HWY_NAMESPACE;

constexpr int max_lanes = 64;
const hn::CappedTag<std::uint8_t, max_lanes> d8;
const hn::RepartitionToWide<decltype(d8)> d16;
using V8 = hn::Vec<decltype(d8)>;
using V16 = hn::Vec<decltype(d16)>;

struct Samples {
    V8 r, g, b;
};

struct Terms {
    V16 r, g, b;
};

struct Vectors {
    V16 y_from_r, y_from_g, y_from_b, y_bias;
    V16 u_from_r, u_from_g, v_from_g, v_from_b, chroma_from_own, chroma_bias;
    V16 upper;
};

HWY_INLINE Vectors broadcast(const YuvWeights& w) {
    return {hn::Set(d16, w.y_from_r),    hn::Set(d16, w.y_from_g),           hn::Set(d16, w.y_from_b),
            hn::Set(d16, w.y_bias),      hn::Set(d16, w.u_from_r),           hn::Set(d16, w.u_from_g),
            hn::Set(d16, w.v_from_g),    hn::Set(d16, w.v_from_b),           hn::Set(d16, w.chroma_from_own),
            hn::Set(d16, w.chroma_bias), hn::Set(d16, std::uint16_t{0xFF00})};
}

template <RowLayout layout>
HWY_INLINE Samples load(const std::uint8_t* from) {
    if constexpr (layout == RowLayout::grey8) {
        const V8 grey = hn::LoadU(d8, from);
        return {grey, grey, grey};
    } else if constexpr (layout == RowLayout::rgba32) {
        V8 r, g, b, alpha;
        hn::LoadInterleaved4(d8, from, r, g, b, alpha);
        return {r, g, b};
    } else {
        V8 first, g, last;
        hn::LoadInterleaved3(d8, from, first, g, last);
        if constexpr (layout == RowLayout::bgr24) {
            return {last, g, first};
        } else {
            return {first, g, last};
        }
    }
}

HWY_INLINE V16 even_scaled(V8 v) { return hn::ShiftLeft<8>(hn::BitCast(d16, v)); }
HWY_INLINE V16 odd_scaled(const Vectors& w, V8 v) { return hn::And(hn::BitCast(d16, v), w.upper); }
HWY_INLINE Terms even_scaled(const Samples& s) { return {even_scaled(s.r), even_scaled(s.g), even_scaled(s.b)}; }
HWY_INLINE Terms odd_scaled(const Vectors& w, const Samples& s) {
    return {odd_scaled(w, s.r), odd_scaled(w, s.g), odd_scaled(w, s.b)};
}

/// Return the upper bytes of the even and odd lanes in the order of their pixels.
HWY_INLINE V8 merge(const Vectors& w, V16 even, V16 odd) {
    return hn::BitCast(d8, hn::Or(hn::ShiftRight<8>(even), hn::And(odd, w.upper)));
}

HWY_INLINE V16 luma(const Vectors& w, const Terms& c) {
    const V16 red_green = hn::Add(hn::MulHigh(c.r, w.y_from_r), hn::MulHigh(c.g, w.y_from_g));
    return hn::Add(red_green, hn::Add(hn::MulHigh(c.b, w.y_from_b), w.y_bias));
}

HWY_INLINE V16 chroma_u(const Vectors& w, const Terms& c) {
    const V16 away = hn::Add(hn::MulHigh(c.r, w.u_from_r), hn::MulHigh(c.g, w.u_from_g));
    return hn::Sub(hn::Add(hn::MulHigh(c.b, w.chroma_from_own), w.chroma_bias), away);
}

HWY_INLINE V16 chroma_v(const Vectors& w, const Terms& c) {
    const V16 away = hn::Add(hn::MulHigh(c.b, w.v_from_b), hn::MulHigh(c.g, w.v_from_g));
    return hn::Sub(hn::Add(hn::MulHigh(c.r, w.chroma_from_own), w.chroma_bias), away);
}

HWY_INLINE V8 luma(const Vectors& w, const Samples& s) {
    return merge(w, luma(w, even_scaled(s)), luma(w, odd_scaled(w, s)));
}

/// Return 64 times the sum of each 2x2 block.
HWY_INLINE V16 sum_blocks(const Vectors& w, V8 top, V8 bottom) {
    const V16 t = hn::BitCast(d16, top);
    const V16 b = hn::BitCast(d16, bottom);
    const V16 odd = hn::Add(hn::ShiftRight<8>(t), hn::ShiftRight<8>(b));
    const V16 even = hn::Add(hn::AndNot(w.upper, t), hn::AndNot(w.upper, b));
    return hn::ShiftLeft<6>(hn::Add(even, odd));
}

/// The destinations of one vector of pixels: rows of the planes, or scratch memory at the end of a row.
struct Outputs {
    std::uint8_t *y_top, *y_bottom, *u, *v;
};

template <RowLayout layout, PlanarFormat format>
HWY_INLINE void convert_vector(const Vectors& w, const std::uint8_t* top, const std::uint8_t* bottom,
                               const Outputs& to) {
    const Samples t = load<layout>(top);
    hn::StoreU(luma(w, t), d8, to.y_top);
    if constexpr (format == PlanarFormat::yuv444p) {
        if constexpr (layout == RowLayout::grey8) {
            const V8 neutral = hn::Set(d8, std::uint8_t{128});
            hn::StoreU(neutral, d8, to.u);
            hn::StoreU(neutral, d8, to.v);
        } else {
            const Terms even = even_scaled(t);
            const Terms odd = odd_scaled(w, t);
            hn::StoreU(merge(w, chroma_u(w, even), chroma_u(w, odd)), d8, to.u);
            hn::StoreU(merge(w, chroma_v(w, even), chroma_v(w, odd)), d8, to.v);
        }
    } else {
        const Samples b = load<layout>(bottom);
        hn::StoreU(luma(w, b), d8, to.y_bottom);
        const hn::Half<decltype(d8)> half;
        if constexpr (layout == RowLayout::grey8) {
            const V8 neutral = hn::Set(d8, std::uint8_t{128});
            if constexpr (format == PlanarFormat::nv12) {
                hn::StoreU(neutral, d8, to.u);
            } else {
                hn::StoreU(hn::LowerHalf(half, neutral), half, to.u);
                hn::StoreU(hn::LowerHalf(half, neutral), half, to.v);
            }
        } else {
            const Terms blocks{sum_blocks(w, t.r, b.r), sum_blocks(w, t.g, b.g), sum_blocks(w, t.b, b.b)};
            const V16 u = chroma_u(w, blocks);
            const V16 v = chroma_v(w, blocks);
            if constexpr (format == PlanarFormat::nv12) {
                hn::StoreU(merge(w, u, v), d8, to.u);
            } else {
                const V8 packed = hn::ConcatOdd(d8, hn::BitCast(d8, v), hn::BitCast(d8, u));
                hn::StoreU(hn::LowerHalf(half, packed), half, to.u);
                hn::StoreU(hn::UpperHalf(half, packed), half, to.v);
            }
        }
    }
}

/// Copy `num_pixels` pixels, beginning with column `x`. Beyond the end of the source the last pixel is repeated.
template <int num_bytes>
void copy_end(const std::uint8_t* row, int source_width, int x, int num_pixels, std::uint8_t* to) {
    const int num_real = std::clamp(source_width - x, 0, num_pixels);
    if (num_real > 0) {
        std::memcpy(to, row + static_cast<std::ptrdiff_t>(x) * num_bytes,
                    static_cast<std::size_t>(num_real) * num_bytes);
    }
    const std::uint8_t* const last = row + static_cast<std::ptrdiff_t>(source_width - 1) * num_bytes;
    for (int i = num_real; i < num_pixels; ++i) {
        std::memcpy(to + static_cast<std::ptrdiff_t>(i) * num_bytes, last, num_bytes);
    }
}

template <RowLayout layout, PlanarFormat format>
void convert_rows(const YuvWeights& weights, const RowJob& job) {
    constexpr int pixel_bytes = bytes_per_pixel(layout);
    constexpr bool has_two_rows = format != PlanarFormat::yuv444p;
    // Chroma bytes per pixel, in units of one half.
    constexpr int chroma_halves = format == PlanarFormat::yuv420p ? 1 : 2;
    const int lanes = static_cast<int>(hn::Lanes(d8));
    const Vectors w = broadcast(weights);

    const auto convert_at = [&](std::ptrdiff_t x) HWY_ATTR {
        const std::ptrdiff_t chroma = x * chroma_halves / 2;
        convert_vector<layout, format>(
            w, job.top + x * pixel_bytes, job.bottom + x * pixel_bytes,
            {job.y_top + x, job.y_bottom + x, job.u + chroma, format == PlanarFormat::nv12 ? nullptr : job.v + chroma});
    };
    int x = 0;
    for (; x + lanes <= job.source_width; x += lanes) {
        convert_at(x);
    }
    if (x > 0 && job.width == job.source_width && job.width % 2 == 0) {
        // The rest of a row of even width: one vector that ends with the row and converts some pixels a second time.
        if (x < job.width) {
            convert_at(job.width - lanes);
        }
        return;
    }
    // Any other rest goes through scratch memory, so that no byte beyond the row is read or written.
    while (x < job.width) {
        alignas(max_lanes) std::uint8_t in[2][max_lanes * pixel_bytes] = {};
        alignas(max_lanes) std::uint8_t out[4][max_lanes];
        const int num_left = std::min(lanes, job.width - x);
        const int num_even = num_left + num_left % 2;  // Pads the last block of an odd width.
        copy_end<pixel_bytes>(job.top, job.source_width, x, num_even, in[0]);
        if (has_two_rows) {
            copy_end<pixel_bytes>(job.bottom, job.source_width, x, num_even, in[1]);
        }
        convert_vector<layout, format>(w, in[0], in[1], {out[0], out[1], out[2], out[3]});
        const std::size_t num_luma = static_cast<std::size_t>(num_left);
        const std::size_t num_chroma =
            format == PlanarFormat::yuv444p ? num_luma : static_cast<std::size_t>(num_even * chroma_halves / 2);
        const std::ptrdiff_t chroma = static_cast<std::ptrdiff_t>(x) * chroma_halves / 2;
        std::memcpy(job.y_top + x, out[0], num_luma);
        if (has_two_rows) {
            std::memcpy(job.y_bottom + x, out[1], num_luma);
        }
        std::memcpy(job.u + chroma, out[2], num_chroma);
        if (format != PlanarFormat::nv12) {
            std::memcpy(job.v + chroma, out[3], num_chroma);
        }
        x += num_left;
    }
}

/// Return the kernels in the order of PlanarFormat.
template <RowLayout layout>
constexpr std::array<RowKernel, num_planar_formats> kernels_for() {
    return {convert_rows<layout, PlanarFormat::yuv420p>, convert_rows<layout, PlanarFormat::yuv444p>,
            convert_rows<layout, PlanarFormat::nv12>};
}

const RowKernels* row_kernels() {
    static const RowKernels kernels{hwy::TargetName(HWY_TARGET),
                                    {{kernels_for<RowLayout::grey8>(), kernels_for<RowLayout::rgb24>(),
                                      kernels_for<RowLayout::bgr24>(), kernels_for<RowLayout::rgba32>()}}};
    return &kernels;
}

#endif  // HWY_TARGET

}  // namespace
}  // namespace gymreel::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace gymreel {

HWY_EXPORT(row_kernels);

const RowKernels& best_row_kernels() {
    static const RowKernels* const kernels = HWY_DYNAMIC_DISPATCH(row_kernels)();
    return *kernels;
}

std::vector<const RowKernels*> simd_row_kernels() {
    std::vector<const RowKernels*> all;
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
        const RowKernels* const kernels = HWY_DYNAMIC_DISPATCH(row_kernels)();
        if (kernels != &plain_row_kernels()) {
            all.push_back(kernels);
        }
    }
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return all;
}

}  // namespace gymreel

#endif  // HWY_ONCE
#endif  // GYMREEL_HAVE_HIGHWAY

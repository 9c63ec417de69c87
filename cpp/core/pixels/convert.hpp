#pragma once

#include "core/pixels/frame_view.hpp"
#include "core/pixels/tiles.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gymreel {

enum class ColorMatrix { bt601, bt709 };
enum class ColorRange { limited, full };
enum class PlanarFormat { yuv420p, yuv444p, nv12 };

/// The planes of the encoder's frame. `width` and `height` are the encoder's and may exceed the source's (odd sizes):
/// the last column and row are repeated into the margin. NV12 has its interleaved chroma in `planes[1]`.
///
/// Ownership: none.
struct PlanarImage {
    std::array<std::uint8_t*, 3> planes{};
    std::array<std::ptrdiff_t, 3> strides{};
    int width = 0;
    int height = 0;
};

struct RowKernels;

/// Converts 8-bit RGB, RGBA or grey to 8-bit YUV, straight from the source's strides into the destination's planes.
/// Chroma of 4:2:0 is the average of its 2x2 block: sited in the centre.
///
/// Ownership: borrows both images for the length of one call.
/// Thread: one call at a time for each converter (it keeps a few rows of scratch).
/// Errors: std::bad_alloc from the first frame of a size that needs scratch; else none, the caller checks sizes and
/// formats (every size at least 1, the destination's not below the source's).
class Converter {
public:
    Converter(PlanarFormat format, ColorMatrix matrix, ColorRange range);

    /// With one implementation of the rows instead of the fastest, for tests and benchmarks.
    Converter(PlanarFormat format, ColorMatrix matrix, ColorRange range, const RowKernels& kernels);

    void convert(const FrameView& source, const PlanarImage& destination);

    /// Converts each tile straight into its place and fills the rest with black. Errors: std::bad_alloc.
    void convert(const TiledView& source, const PlanarImage& destination);

private:
    PlanarImage part_of(const PlanarImage& image, const Region& region) const;
    void fill_black(const PlanarImage& image) const;

    PlanarFormat format_;
    ColorMatrix matrix_;
    ColorRange range_;
    const RowKernels* kernels_;
    std::vector<std::uint8_t> scratch_;
};

}  // namespace gymreel

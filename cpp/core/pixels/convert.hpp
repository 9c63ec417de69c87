#pragma once

#include "core/pixels/frame_view.hpp"
#include "core/pixels/tiles.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gymreel {

enum class PlanarFormat { yuv420p, yuv444p, nv12 };

/// The planes of the encoder's frame. `width` and `height` are those of the encoder and may be larger than the
/// source's: the last column and row are repeated to fill the margin. In NV12, `planes[1]` holds U and V interleaved.
///
/// Ownership: none.
struct PlanarImage {
    std::array<std::uint8_t*, 3> planes{};
    std::array<std::ptrdiff_t, 3> strides{};
    int width = 0;
    int height = 0;
};

struct RowKernels;

/// Conversion of 8-bit RGB, RGBA or grey to 8-bit YUV: BT.709, limited range. It reads the source with its strides and
/// writes the destination's planes, without a copy in between. A 4:2:0 chroma sample is the average of a 2x2 block and
/// lies in its centre.
///
/// Ownership: borrows both images for one call.
/// Thread: one call at a time for each converter, which keeps a few rows of scratch memory.
/// Errors: std::bad_alloc when the first frame of a size needs scratch memory. The caller checks sizes and formats:
/// every size is at least 1, and the destination is not smaller than the source.
class Converter {
public:
    /// Use the fastest kernels that this processor runs.
    explicit Converter(PlanarFormat format);

    /// Use the given kernels. For tests and benchmarks.
    Converter(PlanarFormat format, const RowKernels& kernels);

    void convert(const FrameView& source, const PlanarImage& destination);

    /// Convert each tile into its place and fill the rest with black. The whole picture is magnified `scale` times.
    ///
    /// Errors: std::bad_alloc.
    void convert(const TiledView& source, int scale, const PlanarImage& destination);

private:
    PlanarImage part_of(const PlanarImage& image, const Region& region) const;
    void fill_black(const PlanarImage& image) const;

    PlanarFormat format_;
    const RowKernels* kernels_;
    std::vector<std::uint8_t> scratch_;
};

}  // namespace gymreel

#pragma once

#include "core/file/output.hpp"
#include "core/file/partial_scan.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace gymreel {

/// Reads numbers anywhere in an Output, through a buffer.
///
/// Errors: Error (output) where the file cannot be read, std::bad_alloc.
class ByteReader {
public:
    explicit ByteReader(Output& file) : file_(file), buffer_(largest_view) {}

    static constexpr int largest_view = 1 << 16;

    std::int64_t size() const noexcept { return file_.size(); }
    Output& file() const noexcept { return file_; }

    /// `count` bytes at `position`, until the next call; null where the file ends before. At most largest_view.
    const std::uint8_t* view(std::int64_t position, int count);

    /// A big-endian number of `count` bytes, which must lie in the file.
    std::uint64_t number(std::int64_t position, int count);

    /// Where `bytes` occur first in an extent, or -1.
    std::int64_t find(const std::vector<std::uint8_t>& bytes, Extent extent);

private:
    Output& file_;
    std::vector<std::uint8_t> buffer_;
    std::int64_t buffer_begin_ = 0;
    std::int64_t buffer_size_ = 0;
};

/// What a walker found at some place.
struct Step {
    enum class Kind {
        header,   ///< A part of the header, or nothing that holds packets.
        packets,  ///< A fragment, cluster or picture.
        skip,     ///< What a reader must not see, as it points into the file.
        cut,      ///< The file ends inside.
        wrong     ///< Not what gymreel writes.
    };
    Kind kind = Kind::wrong;
    std::int64_t end = 0;   ///< Where the next begins.
    const char* what = "";  ///< What is wrong.
};

/// The structure of one container, as gymreel writes it while it grows, one element after the other.
class PartialWalker {
public:
    virtual ~PartialWalker() = default;

    /// Looks at what begins at `position`, right after the last, and adds its packets to `times`.
    virtual Step next(std::int64_t position) = 0;

    /// What fragments, clusters or pictures begin with, or have in them.
    virtual const std::vector<std::uint8_t>& beginning() const = 0;

    /// Tells tick, frame rate, pixel format, once all is read.
    virtual void describe(PartialScan& scan) const = 0;

    /// Whether the header was complete.
    virtual bool has_header() const = 0;

    const std::vector<std::int64_t>& times() const noexcept { return times_; }

protected:
    explicit PartialWalker(ByteReader& reader) : reader_(reader) {}

    /// False where there are more packets than anything that gymreel writes can hold: a few bytes must not claim memory.
    bool add(std::int64_t time);

    ByteReader& reader_;

private:
    std::vector<std::int64_t> times_;
};

std::unique_ptr<PartialWalker> walk_mp4(ByteReader& reader);
std::unique_ptr<PartialWalker> walk_matroska(ByteReader& reader);
std::unique_ptr<PartialWalker> walk_gif(ByteReader& reader);

/// Whether the lengths of the NAL units of H.264 or HEVC fill a sample exactly. `length_size` is their own size.
bool has_sound_nal_units(ByteReader& reader, Extent sample, int length_size);

/// The fraction with the smallest denominator between two positive ones.
AVRational simplest_between(double low, double high);

}  // namespace gymreel

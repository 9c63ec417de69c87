#pragma once

#include "core/file/byte_reader.hpp"
#include "core/file/bytes.hpp"
#include "core/file/partial_scan.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace gymreel {

/// The element that a walker found at some position.
struct Step {
    enum class Kind {
        header,   ///< A part of the header, or another element without packets.
        packets,  ///< A fragment, cluster or picture.
        skip,     ///< An element that must not be copied, because it points into the file.
        cut,      ///< The file ends within the element.
        wrong     ///< An element that gymreel does not write.
    };
    Kind kind = Kind::wrong;
    std::int64_t end = 0;   ///< Where the next element begins.
    const char* what = "";  ///< What is wrong.
};

/// A parser of one container as gymreel writes it while it grows, element by element.
///
/// Ownership: borrows the reader, which must outlive it.
/// Thread: one at a time.
/// Errors: those of ByteReader.
class PartialWalker {
public:
    virtual ~PartialWalker() = default;

    /// Examine the element at `position`, which follows the previous one, and add its packets to times().
    virtual Step next(std::int64_t position) = 0;

    /// Return the bytes that every fragment, cluster or picture begins with or contains.
    virtual const std::vector<std::uint8_t>& beginning() const = 0;

    /// Set the tick, frame rate, pixel format and size of `scan`. Called after the last element.
    virtual void describe(PartialScan& scan) const = 0;

    /// Return whether the header was complete.
    virtual bool has_header() const = 0;

    const std::vector<std::int64_t>& times() const noexcept { return times_; }

protected:
    explicit PartialWalker(ByteReader& reader) : reader_(reader) {}

    /// Add the presentation time of a packet. Return false if there are more packets than a file of this size can hold,
    /// so that a few bytes cannot claim much memory.
    bool add(std::int64_t time);

    ByteReader& reader_;

private:
    std::vector<std::int64_t> times_;
};

std::unique_ptr<PartialWalker> walk_mp4(ByteReader& reader);
std::unique_ptr<PartialWalker> walk_matroska(ByteReader& reader);
std::unique_ptr<PartialWalker> walk_gif(ByteReader& reader);

/// Return whether the NAL units of H.264 or HEVC fill a sample exactly. `length_size` is the number of bytes in which
/// each unit's length is stored.
bool has_sound_nal_units(ByteReader& reader, Extent sample, int length_size);

/// Return the fraction with the smallest denominator between two positive numbers.
AVRational simplest_between(double low, double high);

}  // namespace gymreel

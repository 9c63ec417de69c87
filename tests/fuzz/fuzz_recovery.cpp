// Arbitrary bytes as what a killed process has left: they are copied into a complete file or refused with an Error. The
// first byte of an input says which container it is taken for.

#include "core/error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/demuxer.hpp"
#include "core/file/memory_output.hpp"
#include "core/file/partial_scan.hpp"
#include "core/file/piece_view.hpp"
#include "core/file/remux.hpp"
#include "fuzz_input.hpp"

extern "C" {
#include <libavutil/mem.h>
}

#include <new>
#include <string>

namespace {

using namespace gymreel;

/// Memory of limited size, like a disk, because a malformed file may claim to be of any size.
class BoundedOutput final : public ByteStore {
public:
    int read_at(std::int64_t position, std::uint8_t* buffer, int size) noexcept override {
        return bytes_.read_at(position, buffer, size);
    }
    int write_at(std::int64_t position, const std::uint8_t* buffer, int size) noexcept override {
        constexpr std::int64_t largest = 64 << 20;
        return position > largest - size ? AVERROR(ENOSPC) : bytes_.write_at(position, buffer, size);
    }
    std::int64_t size() const noexcept override { return bytes_.size(); }

private:
    MemoryOutput bytes_;
};

/// Recover in memory what recover_file() would recover in files.
std::uint64_t recover(ByteSource& leftover, ByteStore& complete, const std::string& muxer) {
    const PartialScan scan = scan_partial(leftover, muxer);
    GYMREEL_FUZZ_CHECK(scan.end <= leftover.size());
    std::int64_t end = 0;
    for (const Extent& piece : scan.pieces) {
        GYMREEL_FUZZ_CHECK(piece.begin >= end && piece.end > piece.begin && piece.end <= scan.end);
        end = piece.end;
    }
    if (scan.times.empty()) return 0;
    PieceView sound_part(leftover, scan.pieces);
    Demuxer demuxer(sound_part, muxer);
    const std::uint64_t num_packets = remux_sound_part(demuxer, complete, muxer, scan).num_packets;
    GYMREEL_FUZZ_CHECK(num_packets == scan.times.size());
    // The index has a minimum size, however small the file was.
    constexpr std::int64_t header = 4096;
    GYMREEL_FUZZ_CHECK(complete.size() <= 2 * leftover.size() + header);
    return num_packets;
}

/// Read bytes with FFmpeg that were not scanned, such as complete files of the corpus.
void read_unseen(ByteSource& bytes, const std::string& muxer) {
    Demuxer demuxer(bytes, muxer);
    const PacketPtr packet(av_packet_alloc());
    while (packet && demuxer.read(*packet)) av_packet_unref(packet.get());
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    av_max_alloc(std::size_t{256} << 20);
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const LogCapture quiet;
    const std::string muxer = fuzz::muxers[data[0] % fuzz::muxers.size()];
    MemoryOutput leftover;
    GYMREEL_FUZZ_CHECK(leftover.write_at(0, data + 1, static_cast<int>(size) - 1) == static_cast<int>(size) - 1);
    BoundedOutput complete;
    try {
        if (recover(leftover, complete, muxer) == 0) {
            GYMREEL_FUZZ_CHECK(complete.size() == 0);
            return 0;
        }
        GYMREEL_FUZZ_CHECK(complete.size() > 0);
        read_unseen(complete, muxer);
    } catch (const Error&) {
    } catch (const std::bad_alloc&) {
    }
    return 0;
}

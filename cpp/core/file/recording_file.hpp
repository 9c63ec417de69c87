#pragma once

#include "core/file/bytes.hpp"
#include "core/file/file_output.hpp"
#include "core/file/memory_output.hpp"
#include "core/file/muxer.hpp"
#include "core/file/packet_writer.hpp"
#include "core/file/target_claim.hpp"

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

namespace gymreel {

struct FileConfig {
    std::filesystem::path path;  ///< Empty for a recording in memory.
    std::string muxer;           ///< FFmpeg's name of the container.
    Metadata metadata;
};

/// One recording on its way to a file. Packets go to a hidden partial file that can be read at any moment, and finish()
/// atomically turns it into one complete file of the requested name.
///
/// A container is first written so that it can be read while it grows (mp4 in fragments). At the end it is copied to a
/// complete file, with its index and with metadata that became known only then.
///
/// Ownership: owns the partial file. It is removed only when the complete file is in place, so that destroying this
/// object at any moment keeps what was written.
/// Thread: one at a time.
/// Errors: Error (output).
class RecordingFile {
public:
    /// Creates the partial file and writes its header. `encoder` describes the packets.
    RecordingFile(FileConfig config, const AVCodecContext& encoder);

    /// Write a packet. Its times are rescaled in place; the reference to its data stays with the caller. The first
    /// fragment ends with the first packet, and each later one after `fragment_time` of the video. Return whether a
    /// fragment has ended, which makes every packet so far readable.
    bool write(AVPacket& packet);

    /// End the current fragment if it holds any packets, which makes every packet so far readable.
    void end_fragment();

    /// Complete the recording. Called at most once.
    ///
    /// Without packets the partial file is removed, and an existing file of the requested name stays. The file of a
    /// recording of the same name that began later stays too: it would have replaced this one.
    ///
    /// `metadata`: entries to add to those of the FileConfig. `claim`: the claim to the path of the FileConfig.
    void finish(const Metadata& metadata, const TargetClaim& claim);

    /// Return the number of packets, which is one per frame.
    std::uint64_t num_packets() const noexcept { return num_packets_; }

    /// Return where the bytes are: in the partial file until finish() has succeeded, then in the complete one. Empty
    /// for a recording in memory.
    const std::filesystem::path& path() const noexcept { return file_ ? file_->path() : config_.path; }

    /// Return path() without a copy, which could fail; but the requested path if a later recording has that name. The
    /// last call on this object.
    std::filesystem::path take_path() noexcept {
        return file_ && !is_superseded_ ? file_->take_path() : std::move(config_.path);
    }

    /// Return the size of the file so far, or of the complete file.
    std::int64_t num_bytes() const noexcept { return file_ ? file_->size() : memory_->size(); }

    /// Return the complete recording if it is in memory, else nothing.
    std::vector<std::uint8_t> take_bytes() noexcept;

private:
    ByteStore& output() noexcept;
    void finish_file(const TargetClaim& claim);
    void finish_in_memory();
    void copy_to(ByteStore& complete);

    FileConfig config_;
    CodecParametersPtr parameters_;
    // One of the two: the partial recording, and after finish() the complete one.
    std::unique_ptr<FileOutput> file_;
    std::unique_ptr<MemoryOutput> memory_;
    std::unique_ptr<PacketWriter> growing_;  // Null after finish().
    std::uint64_t num_packets_ = 0;
    int num_in_fragment_ = 0;
    int most_in_fragment_;
    bool is_superseded_ = false;  // A recording that began later has the name.
};

}  // namespace gymreel

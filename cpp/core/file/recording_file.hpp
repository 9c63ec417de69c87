#pragma once

#include "core/file/muxer.hpp"
#include "core/file/output.hpp"
#include "core/file/target_claim.hpp"

#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

namespace gymreel {

struct FileConfig {
    std::filesystem::path path;  ///< Empty: the bytes stay in memory.
    std::string muxer;
    Metadata metadata;
};

/// One recording on its way to a file: packets go into a hidden partial file that can be read at any moment, and
/// finish() turns it into one complete file under its own name, atomically.
///
/// Containers are written so that they can be read as they grow, mp4 in fragments, and copied into one piece at the end:
/// with its index, and with the metadata that is known only then.
///
/// Thread: one at a time.
/// Errors: Error (output). The partial file is removed only when the complete one is in its place, so destroying this
/// at any moment keeps what was written.
class RecordingFile {
public:
    RecordingFile(FileConfig config, const AVCodecContext& encoder);

    /// Rescales the packet's times; the reference stays the caller's. Fragments end by themselves, the first one at once
    /// and the others after a quarter of a second of the video. True where that was now: every packet can be read.
    bool write(AVPacket& packet);

    /// Ends a fragment that holds anything: every packet can be read.
    void end_fragment();

    /// Completes the recording. Without any packet there is nothing to complete: the file is removed, and one that has
    /// the name already stays. So does that of a recording of the same name which began later: it would have taken this
    /// one's place. Called at most once.
    ///
    /// `metadata`: what is known only now, beside the entries of the FileConfig. `claim`: to its path.
    void finish(const Metadata& metadata, const TargetClaim& claim);

    /// One for each frame.
    std::uint64_t num_packets() const noexcept { return num_packets_; }

    /// Where the bytes are: the partial file until finish() has succeeded, then `config.path`.
    const std::filesystem::path& path() const noexcept { return output_->path(); }

    std::filesystem::path take_path() noexcept {
        return is_superseded_ ? std::move(config_.path) : output_->take_path();
    }

    std::int64_t num_bytes() const noexcept { return output_->size(); }

    /// The complete recording, where it stays in memory.
    std::vector<std::uint8_t> take_bytes() noexcept;

private:
    /// A new output: a hidden file beside the target that did not exist yet, or memory.
    std::unique_ptr<Output> create_output(const char* suffix) const;

    FileConfig config_;
    CodecParametersPtr parameters_;
    std::unique_ptr<Output> output_;
    std::unique_ptr<PacketWriter> growing_;
    std::uint64_t num_packets_ = 0;
    int num_in_fragment_ = 0;
    int most_in_fragment_;
    bool is_superseded_ = false;  // Another recording has the name for good.
};

}  // namespace gymreel

#include "core/file/recording_file.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/file/container_kind.hpp"
#include "core/file/gif_appender.hpp"
#include "core/file/partial_scan.hpp"
#include "core/file/piece_view.hpp"
#include "core/file/remux.hpp"

#include <algorithm>
#include <cstdint>
#include <new>
#include <optional>
#include <string>

namespace gymreel {
namespace {

/// Return the number of frames that are shown during a fragment.
int frames_in_fragment(AVRational frame_rate) {
    return std::max(1,
                    static_cast<int>(fragment_time.count() * frame_rate.num / (std::int64_t{1000} * frame_rate.den)));
}

}  // namespace

RecordingFile::RecordingFile(FileConfig config, const AVCodecContext& encoder)
    : config_(std::move(config)),
      parameters_(avcodec_parameters_alloc()),
      most_in_fragment_(frames_in_fragment(encoder.framerate)) {
    if (!parameters_) throw std::bad_alloc();
    const bool is_in_memory = config_.path.empty();
    if (is_in_memory) {
        memory_ = std::make_unique<MemoryOutput>();
    } else {
        file_ = FileOutput::create_beside(config_.path, ".partial");
    }
    try {
        check(avcodec_parameters_from_context(parameters_.get(), &encoder), "describe the stream", ErrorKind::output);
        const bool has_marks = !is_in_memory;  // Bytes in memory need no recovery.
        if (container_kind(config_.muxer) == ContainerKind::gif) {
            growing_ = std::make_unique<GifAppender>(output(), encoder.time_base, has_marks);
        } else {
            MuxerConfig container = growing_container(config_.muxer, config_.metadata);
            container.has_marks = has_marks;
            growing_ = std::make_unique<Muxer>(output(), container, *parameters_, encoder.time_base, encoder.framerate);
        }
    } catch (...) {
        if (file_) file_->discard();  // It holds no frame.
        throw;
    }
}

ByteStore& RecordingFile::output() noexcept {
    if (file_) return *file_;
    return *memory_;
}

bool RecordingFile::write(AVPacket& packet) {
    growing_->write(packet);
    ++num_packets_;
    ++num_in_fragment_;
    const bool is_full = num_in_fragment_ >= most_in_fragment_ || num_packets_ == 1;
    if (is_full) end_fragment();
    return is_full;
}

void RecordingFile::end_fragment() {
    if (num_in_fragment_ == 0) return;
    num_in_fragment_ = 0;
    growing_->end_fragment();
}

void RecordingFile::finish(const Metadata& metadata, const TargetClaim& claim) {
    if (num_packets_ == 0) {
        growing_.reset();
        if (file_) file_->discard();
        return;
    }
    growing_->finish();
    growing_.reset();
    config_.metadata.insert(config_.metadata.end(), metadata.begin(), metadata.end());
    if (file_) {
        finish_file(claim);
    } else {
        finish_in_memory();
    }
}

void RecordingFile::finish_file(const TargetClaim& claim) {
    std::unique_ptr<FileOutput> complete = FileOutput::create_beside(config_.path, ".complete");
    try {
        copy_to(*complete);
        complete->sync();
        is_superseded_ = !claim.take_name([&] { complete->publish(config_.path, FileOutput::Existing::replace); });
    } catch (...) {
        complete->discard();
        throw;
    }
    const std::unique_ptr<FileOutput> partial = std::exchange(file_, std::move(complete));
    if (is_superseded_) {
        file_->discard();
    } else {
        file_->settle();  // Before the partial file goes, because a power failure could undo the new name until then.
    }
    partial->discard();
}

void RecordingFile::finish_in_memory() {
    auto complete = std::make_unique<MemoryOutput>();
    copy_to(*complete);
    memory_ = std::move(complete);
}

/// Copy the partial recording to a complete one.
void RecordingFile::copy_to(ByteStore& complete) {
    // FFmpeg would take the marks between the pictures of a GIF for parts of them.
    PartialScan scan;
    std::optional<PieceView> pictures;
    if (container_kind(config_.muxer) == ContainerKind::gif && file_) {
        scan = scan_partial(*file_, config_.muxer);
        pictures.emplace(*file_, scan.pieces);
    }
    Demuxer partial(pictures ? static_cast<ByteSource&>(*pictures) : output(), config_.muxer);
    const std::uint64_t num_copied =
        remux(partial, complete, config_.muxer, config_.metadata, std::move(parameters_)).num_packets;
    if (num_copied != num_packets_) {
        throw Error(ErrorKind::output, "read back the partial file",
                    "it holds " + std::to_string(num_copied) + " frames of " + std::to_string(num_packets_));
    }
}

std::vector<std::uint8_t> RecordingFile::take_bytes() noexcept {
    return memory_ ? memory_->take_bytes() : std::vector<std::uint8_t>();
}

}  // namespace gymreel

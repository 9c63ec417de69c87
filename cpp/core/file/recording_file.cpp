#include "core/file/recording_file.hpp"

#include "core/ffmpeg/av_error.hpp"
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

/// A fragment that has not ended is lost when the process is killed, so fragments are short: of a quarter of a second.
int frames_in_fragment(AVRational frame_rate) {
    return std::max(1, static_cast<int>(frame_rate.num / (std::int64_t{4} * frame_rate.den)));
}

}  // namespace

RecordingFile::RecordingFile(FileConfig config, const AVCodecContext& encoder)
    : config_(std::move(config)),
      parameters_(avcodec_parameters_alloc()),
      output_(create_output(".partial")),
      most_in_fragment_(frames_in_fragment(encoder.framerate)) {
    try {
        if (!parameters_) throw std::bad_alloc();
        check(avcodec_parameters_from_context(parameters_.get(), &encoder), "describe the stream", ErrorKind::output);
        const bool has_marks = !config_.path.empty();  // What is in memory outlives no process.
        if (config_.muxer == "gif") {
            growing_ = std::make_unique<GifAppender>(*output_, encoder.time_base, has_marks);
        } else {
            MuxerConfig container = growing_container(config_.muxer, config_.metadata);
            container.has_marks = has_marks;
            growing_ = std::make_unique<Muxer>(*output_, container, *parameters_, encoder.time_base, encoder.framerate);
        }
    } catch (...) {
        output_->discard();  // It holds no frame.
        throw;
    }
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

std::unique_ptr<Output> RecordingFile::create_output(const char* suffix) const {
    if (config_.path.empty()) return std::make_unique<MemoryOutput>();
    return FileOutput::create_beside(config_.path, suffix);
}

void RecordingFile::finish(const Metadata& metadata, const TargetClaim& claim) {
    if (num_packets_ == 0) {
        growing_.reset();
        output_->discard();
        return;
    }
    growing_->finish();
    growing_.reset();
    config_.metadata.insert(config_.metadata.end(), metadata.begin(), metadata.end());
    std::unique_ptr<Output> complete = create_output(".complete");
    try {
        // FFmpeg would take the marks between the pictures of a GIF for a part of them.
        PartialScan scan;
        std::optional<PieceView> pictures;
        if (config_.muxer == "gif" && !config_.path.empty()) {
            scan = scan_partial(*output_, config_.muxer);
            pictures.emplace(*output_, scan.pieces);
        }
        Demuxer partial(pictures ? static_cast<Output&>(*pictures) : *output_, config_.muxer);
        const std::uint64_t num_copied =
            remux(partial, *complete, config_.muxer, config_.metadata, std::move(parameters_)).num_packets;
        if (num_copied != num_packets_) {
            throw Error(ErrorKind::output, "read back the partial file",
                        "it holds " + std::to_string(num_copied) + " frames of " + std::to_string(num_packets_));
        }
        complete->sync();
        is_superseded_ = !claim.take_name([&] { complete->publish(config_.path, Output::Existing::replace); });
    } catch (...) {
        complete->discard();
        throw;
    }
    const std::unique_ptr<Output> partial = std::exchange(output_, std::move(complete));
    if (is_superseded_) {
        output_->discard();
    } else {
        output_->settle();  // Before the partial file goes: it is what a power failure would leave otherwise.
    }
    partial->discard();
}

std::vector<std::uint8_t> RecordingFile::take_bytes() noexcept {
    auto* const memory = dynamic_cast<MemoryOutput*>(output_.get());
    return memory == nullptr ? std::vector<std::uint8_t>() : memory->take_bytes();
}

}  // namespace gymreel

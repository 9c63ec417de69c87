#include "recording_file.hpp"

#include "av_error.hpp"
#include "partial_scan.hpp"
#include "piece_view.hpp"
#include "remux.hpp"

#include <new>
#include <optional>
#include <string>

namespace gymreel {

RecordingFile::RecordingFile(FileConfig config, const AVCodecContext& encoder)
    : config_(std::move(config)), parameters_(avcodec_parameters_alloc()), output_(create_output(".partial")) {
    try {
        if (!parameters_) throw std::bad_alloc();
        check(avcodec_parameters_from_context(parameters_.get(), &encoder), "describe the stream", ErrorKind::output);
        MuxerConfig container = growing_container(config_.muxer, config_.metadata, encoder.framerate);
        container.has_marks = !config_.path.empty();  // What is in memory outlives no process.
        muxer_ = std::make_unique<Muxer>(*output_, container, *parameters_, encoder.time_base, encoder.framerate);
    } catch (...) {
        output_->discard();  // It holds no frame.
        throw;
    }
}

std::unique_ptr<Output> RecordingFile::create_output(const char* suffix) const {
    if (config_.path.empty()) return std::make_unique<MemoryOutput>();
    return FileOutput::create_beside(config_.path, suffix);
}

void RecordingFile::finish(const Metadata& metadata, const TargetClaim& claim) {
    if (num_packets_ == 0) {
        muxer_.reset();
        output_->discard();
        return;
    }
    muxer_->finish();
    muxer_.reset();
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
    output_->discard();
    output_ = std::move(complete);
    if (is_superseded_) {
        output_->discard();
    } else {
        output_->settle();
    }
}

std::vector<std::uint8_t> RecordingFile::take_bytes() noexcept {
    auto* const memory = dynamic_cast<MemoryOutput*>(output_.get());
    return memory == nullptr ? std::vector<std::uint8_t>() : memory->take_bytes();
}

}  // namespace gymreel

#include "recording_file.hpp"

#include "av_error.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

namespace gymreel {
namespace {

// A fragment that is not complete is lost when the process is killed, so fragments are short.
constexpr const char* fragment_microseconds = "500000";
constexpr const char* cluster_milliseconds = "500";

/// A leftover that cannot be removed does no harm.
void remove_quietly(const std::filesystem::path& path) noexcept {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove(path, ignored);
}

MuxerConfig partial_config(const FileConfig& config, AVRational frame_rate) {
    MuxerConfig result{config.muxer, {}, config.metadata, true};
    if (Muxer::is_mp4(config.muxer)) {
        result.options = {{"movflags", "frag_keyframe+empty_moov+default_base_moof+use_metadata_tags"},
                          {"frag_duration", fragment_microseconds}};
    } else if (config.muxer == "matroska" || config.muxer == "webm") {
        result.options = {{"cluster_time_limit", cluster_milliseconds}};
    } else if (config.muxer == "gif") {
        // Otherwise the last frame is shown for as long as the one before, and a single one for 0.1 s.
        constexpr std::int64_t centiseconds = 100;
        const std::int64_t delay = av_rescale(centiseconds, frame_rate.den, frame_rate.num);
        result.options = {{"final_delay", std::to_string(delay)}};
    }
    return result;
}

MuxerConfig final_config(const FileConfig& config, AVRational frame_rate) {
    // With the default of 1000 units a second the file's duration would be rounded to a millisecond.
    std::int64_t timescale = frame_rate.num;
    while (timescale < 1000) timescale *= 2;
    return {config.muxer,
            {{"movflags", "faststart+use_metadata_tags"}, {"movie_timescale", std::to_string(timescale)}},
            config.metadata,
            false};
}

}  // namespace

RecordingFile::RecordingFile(FileConfig config, const AVCodecContext& encoder)
    : config_(std::move(config)), frame_rate_(encoder.framerate), parameters_(avcodec_parameters_alloc()) {
    if (!parameters_) throw std::bad_alloc();
    check(avcodec_parameters_from_context(parameters_.get(), &encoder), "describe the stream", ErrorKind::output);
    output_ = create_output(".partial", current_path_);
    try {
        muxer_ = std::make_unique<Muxer>(*output_, partial_config(config_, frame_rate_), *parameters_,
                                         encoder.time_base, frame_rate_);
    } catch (...) {
        remove_quietly(current_path_);  // It holds no frame.
        throw;
    }
}

std::unique_ptr<Output> RecordingFile::create_output(const char* suffix, std::filesystem::path& path) const {
    if (config_.path.empty()) return std::make_unique<MemoryOutput>();
    // A file of that name may be what a crash left, or another recording under way: take the next free name.
    constexpr int max_attempts = 1000;
    for (int attempt = 1;; ++attempt) {
        std::filesystem::path name = ".";
        name += config_.path.filename();
        name += suffix;
        if (attempt > 1) name += "-" + std::to_string(attempt);
        path = config_.path.parent_path() / name;
        try {
            return std::make_unique<FileOutput>(path);
        } catch (const Error& error) {
            if (error.info().code != EEXIST || attempt == max_attempts) throw;
        }
    }
}

void RecordingFile::finish() {
    if (num_packets_ == 0) {
        muxer_.reset();
        output_.reset();
        remove_quietly(current_path_);
        return;
    }
    muxer_->finish();
    muxer_.reset();
    if (Muxer::is_mp4(config_.muxer)) {
        rewrite();
    } else {
        publish(std::move(output_), current_path_);
    }
}

void RecordingFile::rewrite() {
    std::filesystem::path complete_path;
    std::unique_ptr<Output> complete = create_output(".complete", complete_path);
    try {
        const IoHandle input_io(*output_, IoHandle::Mode::read);
        AVFormatContext* context = avformat_alloc_context();
        if (context == nullptr) throw std::bad_alloc();
        context->pb = input_io.get();
        context->flags |= AVFMT_FLAG_CUSTOM_IO;
        // avformat_open_input frees the context when it fails.
        check(avformat_open_input(&context, "", av_find_input_format("mov"), nullptr), "read back the partial file",
              ErrorKind::output);
        const InputContextPtr input(context);

        std::unique_ptr<Muxer> muxer;
        const PacketPtr packet(av_packet_alloc());
        if (!packet) throw std::bad_alloc();
        std::int64_t first_pts = 0;
        for (;;) {
            const int result = av_read_frame(input.get(), packet.get());
            if (result == AVERROR_EOF) break;
            check(result, "read back the partial file", ErrorKind::output);
            if (!muxer) {
                // Fragments cannot express that reordered frames start at 0; their first picture comes late by that.
                first_pts = packet->pts;
                const AVStream& stream = *input->streams[0];
                adopt_extradata(*stream.codecpar);
                muxer = std::make_unique<Muxer>(*complete, final_config(config_, frame_rate_), *parameters_,
                                                stream.time_base, frame_rate_);
            }
            packet->pts -= first_pts;
            packet->dts -= first_pts;
            muxer->write(*packet);
            av_packet_unref(packet.get());
        }
        check(input_io.get()->error, "read back the partial file", ErrorKind::output);
        if (!muxer) throw Error(ErrorKind::output, "read back the partial file", "it holds no frame");
        muxer->finish();
        muxer.reset();
        const std::filesystem::path partial_path = current_path_;
        publish(std::move(complete), complete_path);
        if (!config_.path.empty()) output_.reset();
        remove_quietly(partial_path);
    } catch (...) {
        complete.reset();
        remove_quietly(complete_path);
        throw;
    }
}

void RecordingFile::adopt_extradata(const AVCodecParameters& written) {
    // Packets were rewritten on their way into the file, from start codes to lengths, and the extradata with them.
    auto* const copy = static_cast<std::uint8_t*>(
        av_mallocz(static_cast<std::size_t>(written.extradata_size) + AV_INPUT_BUFFER_PADDING_SIZE));
    if (copy == nullptr) throw std::bad_alloc();
    if (written.extradata_size > 0) {
        std::memcpy(copy, written.extradata, static_cast<std::size_t>(written.extradata_size));
    }
    av_free(parameters_->extradata);
    parameters_->extradata = copy;
    parameters_->extradata_size = written.extradata_size;
}

void RecordingFile::publish(std::unique_ptr<Output> output, const std::filesystem::path& path) {
    num_bytes_ = output->size();
    if (config_.path.empty()) {
        output_ = std::move(output);
        return;
    }
    static_cast<FileOutput&>(*output).sync_and_close();
    std::error_code error;
    std::filesystem::rename(path, config_.path, error);
    if (error) check(AVERROR(error.value()), "rename the complete file", ErrorKind::output);
    current_path_ = config_.path;
}

std::vector<std::uint8_t> RecordingFile::take_bytes() {
    auto* const memory = dynamic_cast<MemoryOutput*>(output_.get());
    return memory == nullptr ? std::vector<std::uint8_t>() : memory->take_bytes();
}

}  // namespace gymreel

#pragma once

#include "core/encoding/encoder.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/pixels/frame_view.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace gymreel::testing {

/// A folder of its own for one test, gone afterwards.
class TemporaryFolder {
public:
    TemporaryFolder() {
        std::random_device random;
        do {
            path_ = std::filesystem::temp_directory_path() / ("gymreel-test-" + std::to_string(random()));
        } while (!std::filesystem::create_directory(path_));
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            names.push_back(entry.path().filename().string());
        }
        std::sort(names.begin(), names.end());
        return names;
    }

private:
    std::filesystem::path path_;
};

inline std::string read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// A packed grey frame of one brightness, which survives lossy coding well enough to tell frames apart.
class GreyFrame {
public:
    explicit GreyFrame(int brightness, int width = 64, int height = 48)
        : pixels_(static_cast<std::size_t>(width) * static_cast<std::size_t>(height),
                  static_cast<std::uint8_t>(brightness)),
          width_(width),
          height_(height) {}

    FrameView view() const { return {pixels_.data(), width_, height_, 1, width_, 1, 1}; }

private:
    std::vector<std::uint8_t> pixels_;
    int width_;
    int height_;
};

/// A lossless encoder that every FFmpeg has.
inline EncoderConfig lossless_config() { return {"ffv1", "yuv420p", 25, 1, {{"level", "3"}}, false}; }

/// H.264 with reordered frames where FFmpeg has it, else what mp4 can hold besides.
inline EncoderConfig mp4_config() {
    if (avcodec_find_encoder_by_name("libx264") == nullptr) return {"mpeg4", "yuv420p", 25, 1, {}, true};
    return {"libx264", "yuv420p", 25, 1, {{"preset", "veryfast"}, {"crf", "10"}}, true};
}

struct Decoded {
    std::int64_t pts = 0;
    int luma = 0;  ///< Of the first pixel.
};

/// Opens, reads and decodes the first stream of a file.
inline std::vector<Decoded> decode(const std::filesystem::path& path) {
    const LogCapture quiet;
    AVFormatContext* context = nullptr;
    if (avformat_open_input(&context, ("file:" + path.string()).c_str(), nullptr, nullptr) < 0) {
        throw std::runtime_error("cannot read " + path.string());
    }
    const InputContextPtr input(context);
    avformat_find_stream_info(input.get(), nullptr);
    const AVCodecParameters& parameters = *input->streams[0]->codecpar;
    const CodecContextPtr decoder(avcodec_alloc_context3(avcodec_find_decoder(parameters.codec_id)));
    avcodec_parameters_to_context(decoder.get(), &parameters);
    if (avcodec_open2(decoder.get(), nullptr, nullptr) < 0) throw std::runtime_error("no decoder");
    const PacketPtr packet(av_packet_alloc());
    const FramePtr frame(av_frame_alloc());
    std::vector<Decoded> result;
    const auto receive = [&] {
        while (avcodec_receive_frame(decoder.get(), frame.get()) >= 0) {
            result.push_back({frame->pts, frame->data[0][0]});
        }
    };
    while (av_read_frame(input.get(), packet.get()) >= 0) {
        avcodec_send_packet(decoder.get(), packet.get());
        av_packet_unref(packet.get());
        receive();
    }
    avcodec_send_packet(decoder.get(), nullptr);
    receive();
    return result;
}

/// What a grey of 0 to 255 becomes in limited range.
inline int limited(int grey) { return static_cast<int>(16.0 + 219.0 * grey / 255.0 + 0.5); }

/// Whether the frames are the greys `first`, `first` + `step`, … in this order.
inline bool are_greys(const std::vector<Decoded>& frames, int first, int step, std::size_t count, int tolerance = 1) {
    if (frames.size() != count) return false;
    for (std::size_t i = 0; i < count; ++i) {
        const int expected = limited((first + static_cast<int>(i) * step) % 256);
        if (std::abs(frames[i].luma - expected) > tolerance) return false;
    }
    return true;
}

}  // namespace gymreel::testing

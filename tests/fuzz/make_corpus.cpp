// Inputs to start from, written to the folders FOLDER/fuzz_recovery and FOLDER/fuzz_frames: recordings as a killed
// process leaves them and as they are when complete, in each container; and for the rest, arbitrary bytes.
//
//   make_corpus FOLDER

#include "core/encoding/encoder.hpp"
#include "core/error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/demuxer.hpp"
#include "core/file/memory_output.hpp"
#include "core/file/muxer.hpp"
#include "core/file/partial_scan.hpp"
#include "core/file/piece_view.hpp"
#include "core/file/remux.hpp"
#include "fuzz_input.hpp"

#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace gymreel;

struct Kind {
    const char* encoder;
    const char* pixel_format;
    const char* muxer;
};

constexpr std::array kinds{
    Kind{"libx264", "yuv420p", "mp4"}, Kind{"mpeg4", "yuv420p", "mp4"},        Kind{"libx264", "yuv444p", "mov"},
    Kind{"ffv1", "yuv444p", "mov"},    Kind{"libx264", "yuv420p", "matroska"}, Kind{"ffv1", "yuv444p", "matroska"},
    Kind{"libvpx", "yuv420p", "webm"}, Kind{"libvpx-vp9", "yuv420p", "webm"},  Kind{"gif", "pal8", "gif"},
};

struct Recorded {
    std::vector<std::uint8_t> killed;        ///< Without the container's end.
    std::unique_ptr<MemoryOutput> finished;  ///< With it.
};

std::vector<std::uint8_t> bytes_of(ByteSource& output) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(output.size()));
    output.read_at(0, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

/// Records a few frames as Stream does, with marks or as gymreel 0.1 did.
Recorded record(const Kind& kind, bool has_marks) {
    constexpr int width = 18;
    constexpr int height = 16;
    constexpr int num_frames = 12;
    EncoderConfig config{kind.encoder, kind.pixel_format, 25, 1, {}, Muxer::wants_global_header(kind.muxer)};
    Encoder encoder(config, width, height, 1);
    Recorded result{{}, std::make_unique<MemoryOutput>()};
    const AVCodecContext& codec = encoder.context();
    const CodecParametersPtr parameters(avcodec_parameters_alloc());
    avcodec_parameters_from_context(parameters.get(), &codec);
    MuxerConfig container = growing_container(kind.muxer, {{"title", "seed"}});
    container.has_marks = has_marks;
    Muxer muxer(*result.finished, container, *parameters, codec.time_base, codec.framerate);
    const auto write = [&](AVPacket& packet) { muxer.write(packet); };
    std::vector<std::uint8_t> pixels(std::size_t{width} * height * 3);
    for (int frame = 0; frame < num_frames; ++frame) {
        for (std::size_t i = 0; i < pixels.size(); ++i) {
            pixels[i] = static_cast<std::uint8_t>(frame * 20 + static_cast<int>(i) / (width * 3));
        }
        encoder.load(FrameView{pixels.data(), width, height, 3, width * 3, 3, 1});
        encoder.encode(write);
    }
    encoder.flush(write);
    result.killed = bytes_of(*result.finished);
    muxer.finish();
    return result;
}

void save(const std::filesystem::path& path, const std::vector<std::uint8_t>& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

void save_recordings(const std::filesystem::path& folder) {
    for (const Kind& kind : kinds) {
        std::size_t index = 0;
        while (std::strcmp(fuzz::muxers.at(index), kind.muxer) != 0) ++index;
        const auto save_as = [&](const char* state, std::vector<std::uint8_t> bytes) {
            bytes.insert(bytes.begin(), static_cast<std::uint8_t>(index));
            save(folder / (std::string(kind.muxer) + "-" + kind.encoder + "-" + state), bytes);
        };
        try {
            for (const bool has_marks : {true, false}) {
                const Recorded recorded = record(kind, has_marks);
                const PartialScan scan = scan_partial(*recorded.finished, kind.muxer);
                MemoryOutput complete;
                PieceView sound_part(*recorded.finished, scan.pieces);
                Demuxer demuxer(sound_part, kind.muxer);
                remux_sound_part(demuxer, complete, kind.muxer, scan);
                const std::string suffix = has_marks ? "" : "-unmarked";
                save_as(("killed" + suffix).c_str(), recorded.killed);
                save_as(("finished" + suffix).c_str(), bytes_of(*recorded.finished));
                save_as(("complete" + suffix).c_str(), complete.take_bytes());
            }
        } catch (const Error& error) {  // An encoder that this FFmpeg lacks.
            std::cerr << kind.muxer << " with " << kind.encoder << " is left out: " << error.what() << '\n';
        }
    }
}

void save_noise(const std::filesystem::path& folder) {
    std::mt19937 random(1);
    for (int i = 0; i < 64; ++i) {
        std::vector<std::uint8_t> bytes(std::size_t{16} << (i % 6));
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
        bytes.front() = static_cast<std::uint8_t>(i);  // Which of the target's parts it is for.
        save(folder / ("noise-" + std::to_string(i)), bytes);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: make_corpus FOLDER\n";
        return 2;
    }
    try {
        const LogCapture quiet;
        const std::filesystem::path folder = argv[1];
        std::filesystem::create_directories(folder / "fuzz_recovery");
        std::filesystem::create_directories(folder / "fuzz_frames");
        save_recordings(folder / "fuzz_recovery");
        save_noise(folder / "fuzz_frames");
    } catch (const std::exception& error) {
        std::cerr << "make_corpus: " << error.what() << '\n';
        return 1;
    }
    return 0;
}

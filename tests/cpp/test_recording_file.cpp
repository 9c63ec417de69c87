#include "core/encoding/encoder.hpp"
#include "core/error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/recording_file.hpp"
#include "frames.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

namespace {

using namespace gymreel;
using namespace gymreel::testing;
using Names = std::vector<std::string>;

constexpr int num_frames = 30;

EncoderConfig config_for(const std::string& muxer) {
    return muxer == "mp4" || muxer == "mov" ? mp4_config() : lossless_config();
}

/// A recording that is complete but for finish().
class Recorder {
public:
    Recorder(const std::filesystem::path& path, const std::string& muxer)
        : encoder_(config_for(muxer), 64, 48, 1), file_({path, muxer, {{"title", "a title"}}}, encoder_.context()) {
        const auto write = [this](AVPacket& packet) { file_.write(packet); };
        for (int i = 0; i < num_frames; ++i) {
            encoder_.load(GreyFrame(8 * i).view());
            encoder_.encode(write);
        }
        encoder_.flush(write);
    }

    RecordingFile& file() { return file_; }

private:
    LogCapture quiet_;
    Encoder encoder_;
    RecordingFile file_;
};

ErrorInfo failure_of_finish(RecordingFile& file) {
    try {
        file.finish({}, TargetClaim({}));
    } catch (const Error& error) {
        return error.info();
    }
    FAIL("finish() succeeded");
    return {};
}

}  // namespace

TEST_CASE("recording file: hidden and partial until it is finished, then complete under its name") {
    for (const std::string muxer : {"mp4", "mov", "matroska"}) {
        const TemporaryFolder folder;
        Recorder recorder(folder / "video", muxer);
        CHECK(folder.files() == Names{".video.partial"});
        CHECK(recorder.file().path() == folder / ".video.partial");
        recorder.file().finish({}, TargetClaim({}));
        CHECK(folder.files() == Names{"video"});
        CHECK(recorder.file().path() == folder / "video");
        CHECK(recorder.file().num_bytes() == static_cast<std::int64_t>(std::filesystem::file_size(folder / "video")));
        const std::vector<Decoded> frames = decode(folder / "video");
        CHECK(are_greys(frames, 0, 8, num_frames, 3));
        REQUIRE(!frames.empty());
        CHECK(frames.front().pts == 0);
    }
}

TEST_CASE("recording file: mp4 is rewritten in one piece, index first") {
    const TemporaryFolder folder;
    Recorder recorder(folder / "video.mp4", "mp4");
    CHECK(read_text(folder / ".video.mp4.partial").find("moof") != std::string::npos);
    recorder.file().finish({}, TargetClaim({}));
    const std::string bytes = read_text(folder / "video.mp4");
    CHECK(bytes.find("moof") == std::string::npos);
    CHECK(bytes.find("moov") < bytes.find("mdat"));
    CHECK(bytes.find("a title") != std::string::npos);
}

TEST_CASE("recording file: a target that was there is replaced only by the complete one") {
    const TemporaryFolder folder;
    std::ofstream(folder / "video") << "yesterday's";
    Recorder recorder(folder / "video", "matroska");
    CHECK(read_text(folder / "video") == "yesterday's");
    recorder.file().finish({}, TargetClaim({}));
    CHECK(are_greys(decode(folder / "video"), 0, 8, num_frames));
}

TEST_CASE("recording file: what a crash or another recording left is never touched") {
    for (const std::string muxer : {"mp4", "matroska"}) {
        const TemporaryFolder folder;
        for (const char* const name : {".video.partial", ".video.partial-2", ".video.complete"}) {
            std::ofstream(folder / name) << "left";
        }
        Recorder recorder(folder / "video", muxer);
        CHECK(recorder.file().path() == folder / ".video.partial-3");
        recorder.file().finish({}, TargetClaim({}));
        CHECK(folder.files() == Names{".video.complete", ".video.partial", ".video.partial-2", "video"});
        for (const char* const name : {".video.partial", ".video.partial-2", ".video.complete"}) {
            CHECK(read_text(folder / name) == "left");
        }
        CHECK(are_greys(decode(folder / "video"), 0, 8, num_frames, 3));
    }
}

TEST_CASE("recording file: destroyed before its end it leaves a partial file that can be read") {
    for (const std::string muxer : {"mp4", "matroska"}) {
        const TemporaryFolder folder;
        {
            const Recorder recorder(folder / "video", muxer);
        }
        CHECK(folder.files() == Names{".video.partial"});
        const std::vector<Decoded> frames = decode(folder / ".video.partial");
        // Half a second, 13 frames, may be missing.
        CHECK(frames.size() >= num_frames - 13);
        // A reordered frame at the very end may have come without those that are shown before it.
        const std::vector<Decoded> sure(frames.begin(), frames.end() - 4);
        CHECK(are_greys(sure, 0, 8, sure.size(), 3));
    }
}

TEST_CASE("recording file: a target that cannot be replaced leaves the partial file") {
    for (const std::string muxer : {"mp4", "matroska"}) {
        const TemporaryFolder folder;
        Recorder recorder(folder / "video", muxer);
        std::filesystem::create_directory(folder / "video");
        const ErrorInfo failure = failure_of_finish(recorder.file());
        CHECK(failure.kind == ErrorKind::output);
        CHECK(failure.code == EISDIR);
        CHECK(folder.files() == Names{".video.partial", "video"});
        CHECK(recorder.file().path() == folder / ".video.partial");
        CHECK(recorder.file().num_bytes() > 0);
        CHECK(are_greys(decode(folder / ".video.partial"), 0, 8, num_frames, 3));
    }
}

TEST_CASE("recording file: a folder that went away is an output error") {
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder / "gone");
    Recorder recorder(folder / "gone/video", "mp4");
    std::filesystem::remove_all(folder / "gone");
    const ErrorInfo failure = failure_of_finish(recorder.file());
    CHECK(failure.kind == ErrorKind::output);
    CHECK(failure.code == ENOENT);
}

TEST_CASE("recording file: a folder that is not there and a container that FFmpeg lacks are told at once") {
    const TemporaryFolder folder;
    const Encoder encoder(lossless_config(), 64, 48, 1);
    CHECK_THROWS_AS(RecordingFile({folder / "no/video", "matroska", {}}, encoder.context()), Error);
    CHECK_THROWS_AS(RecordingFile({folder / "video", "no such muxer", {}}, encoder.context()), Error);
}

TEST_CASE("recording file: without a path it stays in memory") {
    for (const std::string muxer : {"mp4", "matroska"}) {
        const TemporaryFolder folder;
        Recorder recorder({}, muxer);
        recorder.file().finish({}, TargetClaim({}));
        CHECK(recorder.file().path().empty());
        const std::int64_t num_bytes = recorder.file().num_bytes();
        const std::vector<std::uint8_t> bytes = recorder.file().take_bytes();
        CHECK(static_cast<std::int64_t>(bytes.size()) == num_bytes);
        std::ofstream(folder / "video", std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        CHECK(are_greys(decode(folder / "video"), 0, 8, num_frames, 3));
    }
}

TEST_CASE("recording file: what a file cannot say of its stream until it is decoded is kept") {
    // mp4 has no room for the pixel format or, with some codecs, the size: they must not get lost in the rewriting.
    for (const char* const name : {"mpeg4", "libvpx-vp9"}) {
        if (avcodec_find_encoder_by_name(name) == nullptr) continue;
        const TemporaryFolder folder;
        const LogCapture quiet;
        Encoder encoder({name, "yuv420p", 25, 1, {}, true}, 64, 48, 1);
        RecordingFile file({folder / "video", "mp4", {}}, encoder.context());
        const auto write = [&](AVPacket& packet) { file.write(packet); };
        for (int i = 0; i < 5; ++i) {
            encoder.load(GreyFrame(50 * i).view());
            encoder.encode(write);
        }
        encoder.flush(write);
        CHECK_NOTHROW(file.finish({}, TargetClaim({})));
        CHECK(are_greys(decode(file.path()), 0, 50, 5, 6));
    }
}

TEST_CASE("recording file: without a frame nothing is left, and a file of that name stays as it was") {
    const LogCapture quiet;
    for (const std::string muxer : {"mp4", "matroska"}) {
        const TemporaryFolder folder;
        const Encoder encoder(mp4_config(), 64, 48, 1);
        {
            FileOutput older(folder / "video", FileOutput::Open::create);
            const std::uint8_t byte = 1;
            REQUIRE(older.write_at(0, &byte, 1) == 1);
        }
        RecordingFile file({folder / "video", muxer, {}}, encoder.context());
        file.finish({}, TargetClaim({}));
        CHECK(file.num_packets() == 0);
        CHECK(folder.files() == Names{"video"});
        CHECK(std::filesystem::file_size(folder / "video") == 1);
    }
}

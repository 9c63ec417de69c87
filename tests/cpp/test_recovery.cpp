#include "core/encoding/encoder.hpp"
#include "core/error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/file_output.hpp"
#include "core/file/recording_file.hpp"
#include "core/file/recovery.hpp"
#include "core/pixels/checksum.hpp"
#include "frames.hpp"

#include <doctest/doctest.h>

#ifndef _WIN32
#include <sys/stat.h>
#endif
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

namespace {

using namespace gymreel;
using namespace gymreel::testing;
using Names = std::vector<std::string>;

constexpr int num_frames = 30;

/// Leaves the partial file of a recording that never came to its end.
void leave_behind(const std::filesystem::path& target, const std::string& muxer) {
    const LogCapture quiet;
    Encoder encoder(muxer == "mp4" ? mp4_config() : lossless_config(), 64, 48, 1);
    RecordingFile file({target, muxer, {{"title", "a title"}}}, encoder.context());
    const auto write = [&](AVPacket& packet) { file.write(packet); };
    for (int i = 0; i < num_frames; ++i) {
        encoder.load(GreyFrame(8 * i).view());
        encoder.encode(write);
    }
    encoder.flush(write);
}

int code_of_recovery(const std::filesystem::path& partial, const std::filesystem::path& target) {
    try {
        recover_file(partial, target, "matroska");
    } catch (const Error& error) {
        CHECK(error.info().kind == ErrorKind::output);
        return error.info().code;
    }
    return 0;
}

}  // namespace

TEST_CASE("recovery: what was left becomes a complete file, and is gone") {
    for (const std::string muxer : {"mp4", "matroska"}) {
        const TemporaryFolder folder;
        leave_behind(folder / "video", muxer);
        REQUIRE(folder.files() == Names{".video.partial"});
        const RecoveredFile recovered = recover_file(folder / ".video.partial", folder / "video", muxer);
        CHECK(folder.files() == Names{"video"});
        const std::vector<Decoded> frames = decode(folder / "video");
        CHECK(recovered.num_frames == frames.size());
        CHECK(recovered.num_frames >= num_frames - 8);  // The last quarter of a second was not written yet.
        CHECK(recovered.num_bytes == static_cast<std::int64_t>(std::filesystem::file_size(folder / "video")));
        CHECK(recovered.width == 64);
        CHECK(recovered.height == 48);
        CHECK(recovered.frames_per_second == doctest::Approx(25));
        CHECK(read_text(folder / "video").find("a title") != std::string::npos);
        CHECK(are_greys(frames, 0, 8, frames.size(), 3));
    }
}

TEST_CASE("recovery: a file that somebody writes to is left alone") {
    const TemporaryFolder folder;
    {
        const FileOutput live(folder / ".video.partial", FileOutput::Open::create);
        CHECK(is_being_recorded(folder / ".video.partial"));
        CHECK_FALSE(remove_leftover(folder / ".video.partial"));
        CHECK(code_of_recovery(folder / ".video.partial", folder / "video") == EBUSY);
    }
    CHECK(folder.files() == Names{".video.partial"});
    CHECK_FALSE(is_being_recorded(folder / ".video.partial"));
    CHECK(remove_leftover(folder / ".video.partial"));
    CHECK(folder.files().empty());
}

TEST_CASE("recovery: what holds no frame is removed, what makes no sense is kept") {
    const TemporaryFolder folder;
    const LogCapture quiet;
    std::ofstream(folder / ".empty.partial").close();
    // Whoever creates one needs a moment to lock it.
    CHECK(code_of_recovery(folder / ".empty.partial", folder / "empty") == EBUSY);
    std::filesystem::last_write_time(folder / ".empty.partial",
                                     std::filesystem::file_time_type::clock::now() - std::chrono::minutes(1));
    CHECK(recover_file(folder / ".empty.partial", folder / "empty", "mp4").num_frames == 0);
    std::ofstream(folder / ".other.partial") << "nothing that FFmpeg knows";
    CHECK(code_of_recovery(folder / ".other.partial", folder / "other") != 0);
    CHECK(code_of_recovery(folder / ".missing.partial", folder / "missing") == ENOENT);
    CHECK(folder.files() == Names{".other.partial"});
}

#ifndef _WIN32
TEST_CASE("recovery: what is not a regular file is left alone, and opening it never waits") {
    const TemporaryFolder folder;
    REQUIRE(::mkfifo((folder / ".fifo.partial").c_str(), 0600) == 0);
    std::filesystem::create_directory(folder / ".folder.partial");
    leave_behind(folder / "video", "matroska");
    std::filesystem::create_symlink(".video.partial", folder / ".link.partial");
    const Names before = folder.files();
    for (const char* name : {".fifo.partial", ".folder.partial", ".link.partial"}) {
        CHECK(code_of_recovery(folder / name, folder / "video") == EINVAL);
        CHECK_FALSE(remove_leftover(folder / name));
        CHECK(is_being_recorded(folder / name));
    }
    CHECK(folder.files() == before);
}
#endif

TEST_CASE("output: a file that is published keeps its lock until it has its name") {
    const TemporaryFolder folder;
    const auto file = FileOutput::create_beside(folder / "video", ".complete");
    const auto second = FileOutput::create_beside(folder / "video", ".complete");
    CHECK(folder.files() == Names{".video.complete", ".video.complete-2"});
    file->publish(folder / "video", FileOutput::Existing::keep);
    CHECK(file->path() == folder / "video");
    file->settle();
    CHECK_FALSE(is_being_recorded(folder / "video"));
    CHECK_THROWS_AS(second->publish(folder / "video", FileOutput::Existing::keep), Error);
    CHECK(folder.files() == Names{".video.complete-2", "video"});
    second->discard();
    CHECK(folder.files() == Names{"video"});
}

TEST_CASE("checksum: tells frames apart, whatever their strides") {
    std::vector<std::uint8_t> pixels(64 * 48 * 3);
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
    const FrameView upright{pixels.data(), 64, 48, 3, 64 * 3, 3, 1};
    FrameView flipped = upright;
    flipped.data += 47 * 64 * 3;
    flipped.row_stride = -64 * 3;
    const std::uint64_t before = checksum(upright);
    const std::uint64_t before_flipped = checksum(flipped);
    CHECK(before != before_flipped);
    CHECK(before == checksum(upright));
    ++pixels[5000];
    CHECK(before != checksum(upright));
    CHECK(before_flipped != checksum(flipped));
}

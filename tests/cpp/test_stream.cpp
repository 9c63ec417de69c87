// The streams here are worked on by the test itself, so every order of events is chosen and nothing waits.

#include "core/engine/stream.hpp"
#include "core/error.hpp"
#include "core/pixels/pack.hpp"
#include "frames.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace gymreel;
using namespace gymreel::testing;
using Enqueued = Stream::Enqueued;
using namespace std::chrono_literals;

constexpr std::size_t frame_bytes = 64 * 48;

StreamConfig config_of(const std::filesystem::path& path, std::size_t max_pending_bytes = 1 << 20) {
    return {lossless_config(), {path, "matroska", {}}, max_pending_bytes};
}

/// Owner tokens, and who has them.
class Tokens {
public:
    OwnerToken make() {
        owners_.push_back(std::make_unique<int>());
        return owners_.back().get();
    }

    /// Whether exactly the tokens that were made came back, in order and each once.
    bool are_all_back(SpentFrames& spent) {
        for (const PendingFrame& frame : spent.take()) returned_.push_back(frame.owner);
        return std::equal(returned_.begin(), returned_.end(), owners_.begin(), owners_.end(),
                          [](OwnerToken token, const std::unique_ptr<int>& owner) { return token == owner.get(); });
    }

private:
    std::vector<std::unique_ptr<int>> owners_;
    std::vector<OwnerToken> returned_;
};

/// What a test does not want to be stopped by.
MemoryBudget budget(std::size_t{1} << 30);
std::atomic<int> num_encoders{0};

void work_until_idle(Stream& stream, SpentFrames& spent) {
    for (;;) {
        const Stream::Left left = stream.run_slice({spent, num_encoders});
        if (left == Stream::Left::completion) stream.complete();
        if (left == Stream::Left::completion || left == Stream::Left::nothing) return;
    }
}

ErrorKind kind_of_refusal(Stream& stream, const FrameView& view) {
    try {
        stream.enqueue(view, nullptr);
    } catch (const Error& error) {
        return error.info().kind;
    }
    FAIL("the frame was taken");
    return ErrorKind::config;
}

}  // namespace

TEST_CASE("stream: pixels that there is no room for are not copied") {
    const TemporaryFolder folder;
    MemoryBudget small(frame_bytes);
    Stream other(config_of(folder / "other"), small);
    Stream stream(config_of(folder / "video"), small);
    const GreyFrame frame(7);
    CHECK(other.enqueue_copy(frame.view()) == Enqueued::schedule);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);  // Each may have one at any rate.
    FrameView nowhere = frame.view();
    nowhere.data = nullptr;  // Reading it would end the test.
    CHECK(stream.enqueue_copy(nowhere) == Enqueued::full);
    CHECK(other.enqueue_copy(nowhere) == Enqueued::full);
    CHECK(stream.stats().num_pending == 1);
    CHECK(stream.stats().pending_bytes == frame_bytes);
    SpentFrames spent;
    work_until_idle(stream, spent);
    CHECK(stream.stats().pending_bytes == 0);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);
}

// Sanitizers end the program where memory runs out.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

TEST_CASE("stream: a copy that fails gives its room back") {
    const TemporaryFolder folder;
    MemoryBudget small(frame_bytes);
    Stream stream(config_of(folder / "video"), small);
    // Each pixel is the same byte, so that only the copy needs the memory, more than there is.
    const std::uint8_t pixel = 0;
    FrameView huge{&pixel, 1 << 30, 1 << 30, 4, 0, 0, 0};
    CHECK_THROWS_AS(stream.enqueue_copy(huge), std::bad_alloc);
    CHECK(stream.stats().num_pending == 0);
    CHECK(stream.stats().pending_bytes == 0);
    CHECK(small.reserve(frame_bytes, false));
}

#endif

TEST_CASE("stream: spent frames are sent for when much has gathered and when the stream ends") {
    static int num_asked = 0;
    static bool answer = false;
    num_asked = 0;
    SpentFrames spent;
    spent.set_ask([] {
        ++num_asked;
        return answer;
    });
    const auto add = [&](std::size_t num_bytes) {
        FrameList frame(1);
        frame.front().num_bytes = num_bytes;
        spent.add(frame);
    };
    spent.send_back();
    add(1000);
    CHECK(num_asked == 0);
    spent.send_back();  // In vain: the other side could not be told.
    answer = true;
    spent.send_back();
    spent.send_back();
    CHECK(num_asked == 2);
    CHECK(spent.take().size() == 1);
    add(std::size_t{10} << 20);
    CHECK(num_asked == 2);
    add(std::size_t{10} << 20);
    add(std::size_t{10} << 20);
    CHECK(num_asked == 3);
    CHECK(spent.take().size() == 3);
    spent.set_ask(nullptr);
    add(std::size_t{100} << 20);
    CHECK(spent.take().size() == 1);
}

TEST_CASE("stream: frames go into the file in order, and their tokens come back") {
    const TemporaryFolder folder;
    Stream stream(config_of(folder / "video"), budget);
    SpentFrames spent;
    Tokens tokens;
    std::vector<GreyFrame> frames;
    for (int i = 0; i < 20; ++i) frames.emplace_back(10 * i);

    CHECK(stream.enqueue(frames[0].view(), tokens.make()) == Enqueued::schedule);
    for (std::size_t i = 1; i < 20; ++i) CHECK(stream.enqueue(frames[i].view(), tokens.make()) == Enqueued::waiting);
    CHECK(stream.stats().num_written == 20);
    CHECK(stream.stats().num_borrowed == 20);
    CHECK(stream.stats().num_pending == 20);
    CHECK(stream.stats().pending_bytes == 20 * frame_bytes);
    CHECK(stream.stats().num_encoded == 0);

    work_until_idle(stream, spent);
    CHECK(tokens.are_all_back(spent));
    CHECK(stream.stats().num_pending == 0);
    CHECK(stream.stats().pending_bytes == 0);
    CHECK(stream.stats().num_encoded == 20);
    CHECK(!stream.result());

    CHECK(stream.finish());
    CHECK(!stream.wait_until_done(0ms));
    work_until_idle(stream, spent);
    CHECK(stream.wait_until_done(0ms));
    const StreamResult result = stream.result().value();
    CHECK(result.path == folder / "video");
    CHECK(result.num_frames == 20);
    CHECK(result.width == 64);
    CHECK(result.height == 48);
    CHECK(result.num_bytes == static_cast<std::int64_t>(std::filesystem::file_size(folder / "video")));
    CHECK(!stream.failure());
    CHECK(are_greys(decode(folder / "video"), 0, 10, 20));
}

TEST_CASE("stream: it asks for a worker once for each time that it has run dry") {
    Stream stream(config_of({}), budget);
    SpentFrames spent;
    const GreyFrame frame(7);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::waiting);
    work_until_idle(stream, spent);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);
    CHECK(!stream.finish());  // The worker that was asked for will see to it.
    CHECK(!stream.finish());
    work_until_idle(stream, spent);
    CHECK(stream.result()->num_frames == 3);
}

TEST_CASE("stream: a copied frame may be painted over at once") {
    const TemporaryFolder folder;
    Stream stream(config_of(folder / "video"), budget);
    SpentFrames spent;
    std::vector<std::uint8_t> buffer(frame_bytes);
    for (int i = 0; i < 10; ++i) {
        std::fill(buffer.begin(), buffer.end(), static_cast<std::uint8_t>(20 * i));
        CHECK(stream.enqueue_copy(FrameView{buffer.data(), 64, 48, 1, 64, 1, 1}) != Enqueued::full);
        if (i == 4) work_until_idle(stream, spent);  // The buffers of the copies are used again.
    }
    CHECK(stream.stats().num_copied == 10);
    CHECK(stream.stats().num_borrowed == 0);
    stream.finish();
    work_until_idle(stream, spent);
    CHECK(spent.take().empty());
    CHECK(are_greys(decode(folder / "video"), 0, 20, 10));
}

TEST_CASE("stream: a full queue takes nothing, and room comes with encoding") {
    Stream stream(config_of({}, 2 * frame_bytes), budget);
    SpentFrames spent;
    Tokens tokens;
    const GreyFrame frame(1);
    CHECK(stream.wait_for_room(frame_bytes, 0ms));
    CHECK(stream.enqueue(frame.view(), tokens.make()) == Enqueued::schedule);
    CHECK(stream.enqueue(frame.view(), tokens.make()) == Enqueued::waiting);
    CHECK(!stream.wait_for_room(frame_bytes, 0ms));
    CHECK(stream.enqueue(frame.view(), &stream) == Enqueued::full);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::full);
    stream.count_dropped();
    CHECK(stream.stats().num_written == 2);
    CHECK(stream.stats().num_dropped == 1);

    work_until_idle(stream, spent);
    CHECK(tokens.are_all_back(spent));
    CHECK(stream.wait_for_room(frame_bytes, 0ms));
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);
}

TEST_CASE("stream: a frame larger than the budget passes alone") {
    Stream stream(config_of({}, 1), budget);
    SpentFrames spent;
    const GreyFrame frame(1);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::full);
    work_until_idle(stream, spent);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);
}

TEST_CASE("stream: without a frame under way nobody waits for a budget that is too small or used up") {
    MemoryBudget small(frame_bytes / 2);
    Stream stream(config_of({}), small);
    SpentFrames spent;
    const GreyFrame frame(1);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::full);
    work_until_idle(stream, spent);  // Before the caller comes to wait.
    CHECK(stream.wait_for_room(frame_bytes, 0ms));
    CHECK(stream.enqueue_copy(frame.view()) == Enqueued::schedule);
}

TEST_CASE("stream: another size and a frame after the end are refused, and the token stays with the caller") {
    Stream stream(config_of({}), budget);
    SpentFrames spent;
    const GreyFrame frame(1);
    stream.enqueue_copy(frame.view());
    CHECK(kind_of_refusal(stream, GreyFrame(1, 63, 48).view()) == ErrorKind::frame_shape);
    CHECK(kind_of_refusal(stream, GreyFrame(1, 64, 47).view()) == ErrorKind::frame_shape);
    stream.finish();
    CHECK(kind_of_refusal(stream, frame.view()) == ErrorKind::closed);
    CHECK(stream.wait_for_room(1 << 30, 0ms));  // There is nothing to wait for any more.
    work_until_idle(stream, spent);
    CHECK(kind_of_refusal(stream, frame.view()) == ErrorKind::closed);
    CHECK(spent.take().empty());
    CHECK(stream.stats().num_written == 1);
}

TEST_CASE("stream: counts among the open encoders as long as it has one, however often it rests") {
    if (avcodec_find_encoder_by_name("libx264") == nullptr) return;
    const TemporaryFolder folder;
    Stream stream({mp4_config(), {folder / "video", "mp4", {}}, 1 << 20}, budget);
    SpentFrames spent;
    std::atomic<int> num_open{0};
    const auto write_and_rest = [&](std::uint8_t grey) {
        const GreyFrame frame(grey);
        stream.enqueue_copy(frame.view());
        do stream.run_slice({spent, num_open});
        while (stream.rests_until());
    };
    write_and_rest(0);
    CHECK(num_open == 1);  // The encoder for the next run is open already.
    write_and_rest(10);
    CHECK(num_open == 0);
    write_and_rest(20);
    CHECK(num_open == 0);
    stream.finish();
    stream.run_slice({spent, num_open});
    stream.complete();
    CHECK(are_greys(decode(folder / "video"), 0, 10, 3));
}

TEST_CASE("stream: without frames there is no file") {
    const TemporaryFolder folder;
    Stream stream(config_of(folder / "video"), budget);
    SpentFrames spent;
    CHECK(stream.finish());
    work_until_idle(stream, spent);
    CHECK(stream.result()->num_frames == 0);
    CHECK(stream.result()->num_bytes == 0);
    CHECK(!stream.failure());
    CHECK(folder.files().empty());
}

TEST_CASE("stream: the first failure sticks, and the tokens of all frames come back once") {
    const TemporaryFolder folder;
    Stream stream(config_of(folder / "no/such/video"), budget);
    SpentFrames spent;
    Tokens tokens;
    const GreyFrame frame(1);
    for (int i = 0; i < 5; ++i) stream.enqueue(frame.view(), tokens.make());
    stream.enqueue_copy(frame.view());
    work_until_idle(stream, spent);
    CHECK(tokens.are_all_back(spent));
    CHECK(stream.stats().num_pending == 0);
    CHECK(stream.stats().num_encoded == 0);

    const ErrorInfo failure = stream.failure().value();
    CHECK(failure.kind == ErrorKind::output);
    CHECK(failure.filename.find("video") != std::string::npos);
    for (int i = 0; i < 2; ++i) CHECK(kind_of_refusal(stream, frame.view()) == ErrorKind::output);
    CHECK(stream.wait_for_room(1 << 30, 0ms));

    CHECK(stream.finish());
    work_until_idle(stream, spent);
    CHECK(stream.result()->num_frames == 0);
    CHECK(stream.failure()->operation == failure.operation);
    CHECK(stream.failure()->reason == failure.reason);
    CHECK(spent.take().empty());
}

TEST_CASE("stream: an encoder that refuses the size fails the stream, with its reason") {
    StreamConfig config = config_of({});
    config.encoder = {"mpeg4", "yuv420p", 30, 1, {}, false};
    Stream stream(config, budget);
    SpentFrames spent;
    stream.enqueue_copy(GreyFrame(1, 9000, 2).view());
    stream.finish();
    work_until_idle(stream, spent);
    CHECK(stream.failure()->kind == ErrorKind::encode);
    CHECK(stream.failure()->log.find("too large") != std::string::npos);
    CHECK(stream.take_bytes().empty());
}

TEST_CASE("stream: a target that cannot be replaced leaves the frames in the partial file that the result names") {
    const TemporaryFolder folder;
    Stream stream(config_of(folder / "video"), budget);
    SpentFrames spent;
    for (int i = 0; i < 5; ++i) stream.enqueue_copy(GreyFrame(50 * i).view());
    work_until_idle(stream, spent);
    std::filesystem::create_directory(folder / "video");
    stream.finish();
    work_until_idle(stream, spent);
    CHECK(stream.failure()->kind == ErrorKind::output);
    CHECK(stream.result()->path == folder / ".video.partial");
    CHECK(are_greys(decode(stream.result()->path), 0, 50, 5));
}

TEST_CASE("stream: bytes in memory can be taken once it is done, and once only") {
    Stream stream(config_of({}), budget);
    SpentFrames spent;
    stream.enqueue_copy(GreyFrame(9).view());
    CHECK(stream.take_bytes().empty());
    stream.finish();
    work_until_idle(stream, spent);
    CHECK(stream.result()->path.empty());
    const std::vector<std::uint8_t> bytes = stream.take_bytes();
    CHECK(static_cast<std::int64_t>(bytes.size()) == stream.result()->num_bytes);
    CHECK(bytes.size() > 100);
    CHECK(stream.take_bytes().empty());
}

TEST_CASE("stream: one that is given up is done, refuses frames, and lets go of those it had") {
    Stream stream(config_of({}), budget);
    SpentFrames spent;
    Tokens tokens;
    const GreyFrame frame(1);
    for (int i = 0; i < 3; ++i) stream.enqueue(frame.view(), tokens.make());
    stream.enqueue_copy(frame.view());
    stream.give_up(spent);
    CHECK(tokens.are_all_back(spent));
    CHECK(stream.wait_until_done(0ms));
    CHECK(stream.failure()->code == EAGAIN);
    CHECK(stream.stats().num_pending == 0);
    CHECK(stream.stats().pending_bytes == 0);
    CHECK(kind_of_refusal(stream, frame.view()) == ErrorKind::encode);
}

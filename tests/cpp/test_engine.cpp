#include "core/engine/engine.hpp"
#include "core/engine/resting_streams.hpp"
#include "core/error.hpp"
#include "core/file/partial_scan.hpp"
#include "frames.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#ifndef _WIN32
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace {

using namespace gymreel;
using namespace gymreel::testing;
using namespace std::chrono_literals;

StreamConfig config_of(const std::filesystem::path& path, std::size_t max_pending_bytes = 1 << 20) {
    return {lossless_config(), {path, "matroska", {}}, max_pending_bytes};
}

void wait_for(Stream& stream) {
    while (!stream.wait_until_done(1000ms)) {
    }
}

void write_when_room(Engine& engine, const std::shared_ptr<Stream>& stream, const FrameView& view) {
    while (!engine.write_copy(stream, view)) stream->wait_for_room(1, 1000ms);
}

/// Packets that a kill at this moment would leave.
std::size_t count_packets(const std::filesystem::path& partial, const std::string& muxer) {
    if (!std::filesystem::exists(partial)) return 0;
    const TemporaryFolder folder;
    std::filesystem::copy_file(partial, folder / "copy");  // The file itself is locked by its writer.
    FileOutput copy(folder / "copy", FileOutput::Open::leftover);
    return scan_partial(copy, muxer).times.size();
}

std::size_t count_spent(Engine& engine) { return engine.take_spent().size(); }

}  // namespace

TEST_CASE("engine: more streams than workers, and each keeps its frames and their order") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    std::vector<std::shared_ptr<Stream>> streams;
    for (int i = 0; i < 4 * engine.num_threads() + 3; ++i) {
        streams.push_back(engine.open(config_of(folder / std::to_string(i), 3 * 64 * 48)));
    }
    for (int frame = 0; frame < 30; ++frame) {
        for (std::size_t i = 0; i < streams.size(); ++i) {
            write_when_room(engine, streams[i], GreyFrame((static_cast<int>(i) + 8 * frame) % 256).view());
        }
    }
    for (const auto& stream : streams) engine.finish(stream);
    for (std::size_t i = 0; i < streams.size(); ++i) {
        wait_for(*streams[i]);
        CHECK(!streams[i]->failure());
        CHECK(are_greys(decode(streams[i]->result()->path), static_cast<int>(i), 8, 30));
    }
}

TEST_CASE("engine: streams that always have work do not starve another") {
    Engine& engine = Engine::instance();
    constexpr int width = 320;
    constexpr int height = 240;
    const GreyFrame large(3, width, height);
    std::vector<std::shared_ptr<Stream>> busy;
    for (int i = 0; i < engine.num_threads() + 1; ++i) busy.push_back(engine.open(config_of({}, 8 * width * height)));
    const auto feed = [&] {
        for (const auto& stream : busy) {
            while (engine.write_copy(stream, large.view())) {
            }
        }
    };
    feed();
    const auto small = engine.open(config_of({}));
    for (int i = 0; i < 10; ++i) engine.write_copy(small, GreyFrame(i).view());
    engine.finish(small);
    const auto deadline = std::chrono::steady_clock::now() + 60s;
    while (!small->wait_until_done(0ms) && std::chrono::steady_clock::now() < deadline) feed();
    CHECK(small->wait_until_done(0ms));
    for (const auto& stream : busy) engine.finish(stream);
    for (const auto& stream : busy) wait_for(*stream);
    CHECK(small->result()->num_frames == 10);
}

TEST_CASE("engine: of streams that only have to be completed, the first is before the next is begun") {
    Engine& engine = Engine::instance();
    const int num_threads = engine.num_threads();
    engine.set_num_threads(1);
    constexpr int width = 640;
    constexpr int height = 480;
    constexpr int num_frames = 60;  // Several slices of work.
    const GreyFrame large(3, width, height);
    std::vector<std::shared_ptr<Stream>> streams;
    for (int i = 0; i < 4; ++i) {
        streams.push_back(engine.open(config_of({}, std::size_t{num_frames} * width * height)));
        for (int frame = 0; frame < num_frames; ++frame) CHECK(engine.write_copy(streams.back(), large.view()));
        engine.finish(streams.back());
    }
    for (std::size_t i = 0; i < streams.size(); ++i) {
        // Whenever one is looked at, those before it in the line are done, and of those after it one is begun at most.
        while (!streams[i]->wait_until_done(1ms)) {
            int num_begun = 0;
            for (const auto& stream : streams) {
                const auto num_encoded = stream->stats().num_encoded;
                num_begun += num_encoded > 0 && num_encoded < num_frames ? 1 : 0;
            }
            CHECK(num_begun <= 2);  // Between two looks one may end and the next begin.
        }
        CHECK(streams[i]->result()->num_frames == num_frames);
    }
    engine.set_num_threads(num_threads);
}

TEST_CASE("engine: each borrowed frame comes back once, encoded, failed or refused") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    count_spent(engine);
    const GreyFrame frame(5);
    std::vector<int> owners(40);
    const auto sound = engine.open(config_of({}));
    const auto failing = engine.open(config_of(folder / "no/such/video"));
    std::size_t num_taken = 0;
    std::size_t num_refused = 0;
    for (int& owner : owners) {
        for (const auto& stream : {sound, failing}) {
            try {
                num_taken += engine.write(stream, frame.view(), &owner) ? 1 : 0;
            } catch (const Error&) {
                ++num_refused;
            }
        }
    }
    engine.finish(sound);
    engine.finish(failing);
    wait_for(*sound);
    wait_for(*failing);
    CHECK(num_taken + num_refused == 2 * owners.size());
    CHECK(count_spent(engine) == num_taken);
    CHECK(count_spent(engine) == 0);
    CHECK(sound->result()->num_frames == owners.size());
    CHECK(failing->failure()->kind == ErrorKind::output);
}

TEST_CASE("engine: a stream that nobody holds any more is completed") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    std::weak_ptr<Stream> watched;
    {
        const auto stream = engine.open(config_of(folder / "video"));
        watched = stream;
        for (int i = 0; i < 10; ++i) engine.write_copy(stream, GreyFrame(20 * i).view());
        engine.finish(stream);
    }
    while (!watched.expired()) std::this_thread::yield();
    CHECK(are_greys(decode(folder / "video"), 0, 20, 10));
}

TEST_CASE("engine: finish_all finishes every stream, and after stop_workers work starts anew") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    for (int round = 0; round < 3; ++round) {
        std::vector<std::shared_ptr<Stream>> streams;
        for (int i = 0; i < 5; ++i) {
            streams.push_back(engine.open(config_of(folder / (std::to_string(round) + std::to_string(i)))));
            for (int frame = 0; frame < 10; ++frame) {
                engine.write_copy(streams.back(), GreyFrame(i + 20 * frame).view());
            }
        }
        const auto finished = engine.finish_all();
        CHECK(finished.size() >= streams.size());
        engine.stop_workers();  // A stream that comes back to the line after the last worker has left gets a new one.
        for (std::size_t i = 0; i < streams.size(); ++i) {
            CHECK(streams[i]->wait_until_done(20s));
            CHECK(are_greys(decode(streams[i]->result()->path), static_cast<int>(i), 20, 10));
        }
    }
    engine.stop_workers();  // Without any.
}

TEST_CASE("engine: stop_workers empties the line although idle workers were replaced a moment before") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    const int num_threads = engine.num_threads();
    for (int round = 0; round < 100; ++round) {
        const auto warm_up = engine.open(config_of(folder / "warm-up"));
        engine.write_copy(warm_up, GreyFrame(0).view());
        engine.finish(warm_up);
        wait_for(*warm_up);
        engine.set_num_threads(1 + round % 2);  // The workers that wait for work are told to leave.
        const auto stream = engine.open(config_of(folder / "video"));
        engine.write_copy(stream, GreyFrame(round).view());
        engine.finish(stream);
        engine.stop_workers();
        REQUIRE(stream->wait_until_done(0ms));
    }
    engine.set_num_threads(num_threads);
}

TEST_CASE("engine: what the encoder gives at once is in the file soon, though no frame follows") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    const auto stream = engine.open(config_of(folder / "video"));
    for (int frame = 0; frame < 3; ++frame) write_when_room(engine, stream, GreyFrame(frame).view());
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (count_packets(folder / ".video.partial", "matroska") < 3 && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    CHECK(count_packets(folder / ".video.partial", "matroska") == 3);
    engine.finish(stream);
    wait_for(*stream);
    CHECK(are_greys(decode(stream->result()->path), 0, 1, 3));
}

TEST_CASE("engine: a stream that is put to rest twice rests once, until the second time") {
    const TemporaryFolder folder;
    MemoryBudget budget(1 << 20);
    const auto first = std::make_shared<Stream>(config_of(folder / "first"), budget);
    const auto second = std::make_shared<Stream>(config_of(folder / "second"), budget);
    RestingStreams streams;
    const RestingStreams::Time now{};
    streams.add(first, now + 1s);
    streams.add(second, now + 2s);
    streams.add(first, now + 3s);
    CHECK(streams.pop_first() == second);
    CHECK(streams.first_due() == now + 3s);
    CHECK(streams.pop_first() == first);
    CHECK(streams.empty());
}

TEST_CASE("engine: threads that write to one stream lose and mix nothing") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    const auto stream = engine.open(config_of(folder / "video", 4 * 64 * 48));
    std::vector<std::thread> threads;
    for (int first = 0; first < 4; ++first) {
        threads.emplace_back([&, first] {
            for (int i = 0; i < 50; ++i) write_when_room(engine, stream, GreyFrame(64 * first + i).view());
        });
    }
    for (std::thread& thread : threads) thread.join();
    engine.finish(stream);
    wait_for(*stream);
    std::vector<int> next(4);
    for (const Decoded& frame : decode(folder / "video")) {
        for (int first = 0; first < 4; ++first) {
            const int number = next[static_cast<std::size_t>(first)];
            if (number < 50 && std::abs(frame.luma - limited(64 * first + number)) == 0) {
                ++next[static_cast<std::size_t>(first)];
                break;
            }
        }
    }
    CHECK(next == std::vector<int>(4, 50));
}

// ThreadSanitizer lets no threads start after a fork.
#if !defined(_WIN32) && !defined(__SANITIZE_THREAD__)

TEST_CASE("engine: a forked child starts over, and the parent goes on") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    const auto stream = engine.open(config_of(folder / "parent"));
    for (int i = 0; i < 10; ++i) engine.write_copy(stream, GreyFrame(10 * i).view());
    const unsigned generation = Engine::generation();

    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        Engine& own_engine = Engine::instance();
        const auto own = own_engine.open(config_of(folder / "child"));
        for (int i = 0; i < 10; ++i) own_engine.write_copy(own, GreyFrame(10 * i).view());
        own_engine.finish(own);
        wait_for(*own);
        _exit(Engine::generation() != generation && !own->failure() ? 0 : 1);
    }
    int status = -1;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    for (int i = 10; i < 20; ++i) engine.write_copy(stream, GreyFrame(10 * i).view());
    engine.finish(stream);
    wait_for(*stream);
    CHECK(Engine::generation() == generation);
    CHECK(are_greys(decode(folder / "parent"), 0, 10, 20));
    CHECK(are_greys(decode(folder / "child"), 0, 10, 10));
}

#endif

TEST_CASE("engine: the memory of all waiting frames together is bounded, and nobody waits for ever") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    const GreyFrame frame(7);
    engine.set_max_pending_bytes(1);  // Less than one frame: each stream may have just one under way.
    std::vector<std::shared_ptr<Stream>> streams;
    for (int i = 0; i < 5; ++i) streams.push_back(engine.open(config_of(folder / std::to_string(i))));
    for (int i = 0; i < 20; ++i) {
        for (const auto& stream : streams) {
            write_when_room(engine, stream, frame.view());
            CHECK(stream->stats().num_pending <= 1);
        }
    }
    for (const auto& stream : streams) engine.finish(stream);
    for (const auto& stream : streams) {
        wait_for(*stream);
        CHECK(stream->result()->num_frames == 20);
    }
    engine.set_max_pending_bytes(std::size_t{512} << 20);
}

TEST_CASE("engine: settings change while streams are under way, and every frame arrives") {
    const TemporaryFolder folder;
    Engine& engine = Engine::instance();
    const int num_threads = engine.num_threads();
    std::vector<std::shared_ptr<Stream>> streams;
    for (int i = 0; i < 4; ++i) streams.push_back(engine.open(config_of(folder / std::to_string(i))));
    for (int i = 0; i < 40; ++i) {
        engine.set_num_threads(1 + i % 3);
        CHECK(engine.num_threads() == 1 + i % 3);
        engine.set_priority(i % 2 == 0 ? ThreadPriority::normal : ThreadPriority::background);
        for (const auto& stream : streams) write_when_room(engine, stream, GreyFrame(6 * i).view());
    }
    for (const auto& stream : streams) engine.finish(stream);
    for (std::size_t i = 0; i < streams.size(); ++i) {
        wait_for(*streams[i]);
        CHECK(are_greys(decode(folder / std::to_string(i)), 0, 6, 40));
    }
    engine.set_num_threads(0);
    CHECK(engine.num_threads() == num_threads);
    engine.stop_workers();
}

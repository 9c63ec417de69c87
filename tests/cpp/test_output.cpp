#include "core/error.hpp"
#include "core/file/file_output.hpp"
#include "core/file/io_handle.hpp"
#include "core/file/memory_output.hpp"
#include "core/file/recovery.hpp"
#include "frames.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

using namespace gymreel;
using namespace gymreel::testing;

int write_text(ByteStore& output, std::int64_t position, const std::string& text) {
    return output.write_at(position, reinterpret_cast<const std::uint8_t*>(text.data()), static_cast<int>(text.size()));
}

std::string read_back(ByteStore& output, std::int64_t position, int size) {
    std::string text(static_cast<std::size_t>(size), '?');
    const int count = output.read_at(position, reinterpret_cast<std::uint8_t*>(text.data()), size);
    REQUIRE(count >= 0);
    text.resize(static_cast<std::size_t>(count));
    return text;
}

void check_random_access(ByteStore& output) {
    CHECK(output.size() == 0);
    CHECK(read_back(output, 0, 5).empty());
    CHECK(write_text(output, 0, "hello world") == 11);
    CHECK(write_text(output, 6, "W") == 1);
    CHECK(output.size() == 11);
    CHECK(read_back(output, 4, 100) == "o World");
    CHECK(read_back(output, 11, 5).empty());
    CHECK(read_back(output, 50, 5).empty());
    CHECK(write_text(output, 20, "!") == 1);
    CHECK(output.size() == 21);
    CHECK(read_back(output, 10, 11) == std::string("d\0\0\0\0\0\0\0\0\0!", 11));
}

void check_handles(ByteStore& output) {
    IoHandle writer(output, IoHandle::writable);
    avio_write(writer.get(), reinterpret_cast<const unsigned char*>("abcdef"), 6);
    CHECK(output.size() == 0);
    avio_flush(writer.get());
    CHECK(output.size() == 6);

    IoHandle reader(output);
    CHECK(avio_size(reader.get()) == 6);
    CHECK(avio_seek(reader.get(), 2, SEEK_SET) == 2);
    CHECK(avio_r8(reader.get()) == 'c');
    // Each handle has its own cursor.
    avio_w8(writer.get(), 'g');
    avio_seek(writer.get(), 0, SEEK_SET);
    avio_w8(writer.get(), 'A');
    avio_flush(writer.get());
    CHECK(output.size() == 7);
    CHECK(avio_r8(reader.get()) == 'd');
    CHECK(avio_seek(reader.get(), -1, SEEK_END) < 0);  // FFmpeg accepts only SEEK_SET and SEEK_CUR.
    CHECK(avio_seek(reader.get(), 6, SEEK_SET) == 6);
    CHECK(avio_r8(reader.get()) == 'g');
    CHECK(avio_r8(reader.get()) == 0);
    CHECK(avio_feof(reader.get()) != 0);
    CHECK(read_back(output, 0, 10) == "Abcdefg");
}

/// An output whose disk is full.
class FullOutput final : public ByteStore {
public:
    int read_at(std::int64_t, std::uint8_t*, int) noexcept override { return AVERROR(EIO); }
    int write_at(std::int64_t, const std::uint8_t*, int) noexcept override { return AVERROR(ENOSPC); }
    std::int64_t size() const noexcept override { return 0; }
};

}  // namespace

TEST_CASE("output: a file can be read and written at any position") {
    const TemporaryFolder folder;
    FileOutput output(folder / "a file", FileOutput::Open::create);
    check_random_access(output);
    output.publish(folder / "a name", FileOutput::Existing::replace);
    CHECK(read_text(folder / "a name") == std::string("hello World\0\0\0\0\0\0\0\0\0!", 21));
}

TEST_CASE("output: memory can be read and written at any position") {
    MemoryOutput output;
    check_random_access(output);
    const std::vector<std::uint8_t> bytes = output.take_bytes();
    CHECK(std::string(bytes.begin(), bytes.end()) == std::string("hello World\0\0\0\0\0\0\0\0\0!", 21));
}

TEST_CASE("output: handles on a file and on memory keep cursors of their own") {
    const TemporaryFolder folder;
    FileOutput file(folder / "a file", FileOutput::Open::create);
    check_handles(file);
    MemoryOutput memory;
    check_handles(memory);
}

TEST_CASE("output: a file that exists is never overwritten") {
    const TemporaryFolder folder;
    std::ofstream(folder / "kept") << "precious";
    CHECK_THROWS_AS(FileOutput(folder / "kept", FileOutput::Open::create), Error);
    try {
        FileOutput(folder / "kept", FileOutput::Open::create);
    } catch (const Error& error) {
        CHECK(error.info().kind == ErrorKind::output);
        CHECK(error.info().code == EEXIST);
    }
    CHECK(read_text(folder / "kept") == "precious");
}

#ifndef _WIN32

TEST_CASE("output: a file of the same name that is another one is not discarded") {
    const TemporaryFolder folder;
    FileOutput output(folder / "file", FileOutput::Open::create);
    std::filesystem::rename(folder / "file", folder / "elsewhere");
    std::ofstream(folder / "file") << "another";
    output.discard();
    CHECK(read_text(folder / "file") == "another");
    CHECK(folder.files() == std::vector<std::string>{"elsewhere", "file"});
}

TEST_CASE("output: nobody who comes for leftovers takes a file that is being written") {
    const TemporaryFolder folder;
    constexpr int num_files = 300;
    std::atomic<bool> is_over{false};
    std::thread remover([&] {
        // Waits a moment for the lock of one file, which has another name by then, while the next one has this.
        while (!is_over) remove_leftover(folder / "growing");
    });
    int num_published = 0;
    for (int i = 0; i < num_files; ++i) {
        try {
            FileOutput output(folder / "growing", FileOutput::Open::create);
            std::this_thread::sleep_for(std::chrono::microseconds(500));
            output.publish(folder / "complete", FileOutput::Existing::replace);
            ++num_published;
        } catch (const Error& error) {
            // The remover may come between creating and locking: then another name is to be tried.
            if (error.info().code == EEXIST) ++num_published;
        }
    }
    is_over = true;
    remover.join();
    CHECK(num_published == num_files);
}

#endif

#ifdef __linux__

namespace {

std::atomic<bool> are_locks_refused{false};

}  // namespace

/// Comes before the C library's, so that a test can refuse locks as if another process had them.
extern "C" int flock(int descriptor, int operation) noexcept {
    if (!are_locks_refused) return static_cast<int>(syscall(SYS_flock, descriptor, operation));
    errno = EWOULDBLOCK;
    return -1;
}

TEST_CASE("output: a file that cannot be locked leaves nothing behind") {
    const TemporaryFolder folder;
    are_locks_refused = true;
    try {
        FileOutput(folder / "video", FileOutput::Open::create);
        FAIL("the file was made");
    } catch (const Error& error) {
        CHECK(error.info().code == EEXIST);
    }
    are_locks_refused = false;
    CHECK(folder.files().empty());
}

#endif

TEST_CASE("output: a folder that is not there is an output error") {
    const TemporaryFolder folder;
    try {
        FileOutput(folder / "no/such", FileOutput::Open::create);
        FAIL("the file was made");
    } catch (const Error& error) {
        CHECK(error.info().kind == ErrorKind::output);
        CHECK(error.info().code == ENOENT);
    }
}

TEST_CASE("output: what fails below reaches FFmpeg's error") {
    FullOutput output;
    IoHandle writer(output, IoHandle::writable);
    avio_w8(writer.get(), 'x');
    avio_flush(writer.get());
    CHECK(writer.get()->error == AVERROR(ENOSPC));
    IoHandle reader(output);
    avio_r8(reader.get());
    CHECK(reader.get()->error == AVERROR(EIO));
}

TEST_CASE("output: handles that a muxer opens for itself read what was written") {
    MemoryOutput output;
    CHECK(write_text(output, 0, "moov") == 4);
    const OutputContextPtr context(avformat_alloc_context());
    IoHandle::serve_reopening(context.get(), output);
    AVIOContext* reopened = nullptr;
    REQUIRE(context->io_open(context.get(), &reopened, "http://ignored", AVIO_FLAG_READ, nullptr) == 0);
    CHECK(avio_r8(reopened) == 'm');
    CHECK(context->io_close2(context.get(), reopened) == 0);
    REQUIRE(context->io_open(context.get(), &reopened, "", AVIO_FLAG_WRITE, nullptr) == 0);
    avio_w8(reopened, 'M');
    CHECK(context->io_close2(context.get(), reopened) == 0);
    CHECK(read_back(output, 0, 10) == "Moov");
}

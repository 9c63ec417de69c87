#include "core/ffmpeg/av_error.hpp"
#include "core/ffmpeg/log_capture.hpp"

extern "C" {
#include <libavutil/error.h>
#include <libavutil/log.h>
}

#include <doctest/doctest.h>

#include <cerrno>
#include <cstdarg>
#include <string>
#include <thread>

using namespace gymreel;

namespace {

/// A thread that only wants to be heard by captures of its own.
void log_on_another_thread(const char* text) {
    std::thread([text] {
        const LogCapture own;
        av_log(nullptr, AV_LOG_ERROR, "%s\n", text);
    }).join();
}

}  // namespace

TEST_CASE("log capture: keeps warnings and errors, and nothing less") {
    const LogCapture capture;
    av_log(nullptr, AV_LOG_ERROR, "an error of %d\n", 7);
    av_log(nullptr, AV_LOG_WARNING, "a warning\n");
    av_log(nullptr, AV_LOG_INFO, "some information\n");
    av_log(nullptr, AV_LOG_DEBUG, "much detail\n");
    CHECK(LogCapture::text() == "an error of 7\na warning\n");
}

TEST_CASE("log capture: the innermost listens, and the outer one goes on afterwards") {
    const LogCapture outer;
    av_log(nullptr, AV_LOG_ERROR, "first\n");
    {
        const LogCapture inner;
        av_log(nullptr, AV_LOG_ERROR, "second\n");
        CHECK(LogCapture::text() == "second\n");
    }
    av_log(nullptr, AV_LOG_ERROR, "third\n");
    CHECK(LogCapture::text() == "first\nthird\n");
}

TEST_CASE("log capture: listens again after somebody else has set the callback of the process") {
    {
        const LogCapture first;
    }
    av_log_set_callback([](void*, int, const char*, va_list) {});
    const LogCapture capture;
    av_log(nullptr, AV_LOG_ERROR, "heard\n");
    CHECK(LogCapture::text() == "heard\n");
}

TEST_CASE("log capture: threads do not hear each other") {
    const LogCapture capture;
    log_on_another_thread("from elsewhere");
    CHECK(LogCapture::text().empty());
    std::thread([] { CHECK(LogCapture::text().empty()); }).join();
}

TEST_CASE("log capture: without one there is no text") { CHECK(LogCapture::text().empty()); }

TEST_CASE("log capture: a flood is kept to some kilobytes, and a long line does not overflow") {
    const LogCapture capture;
    const std::string line(3000, 'x');
    for (int i = 0; i < 1000; ++i) av_log(nullptr, AV_LOG_ERROR, "%s\n", line.c_str());
    CHECK(LogCapture::text().size() >= 1000);
    CHECK(LogCapture::text().size() <= 10000);
}

TEST_CASE("check: what is not negative passes through") {
    CHECK(check(0, "do something", ErrorKind::encode) == 0);
    CHECK(check(17, "do something", ErrorKind::encode) == 17);
}

TEST_CASE("check: an error number of the system stays one") {
    const LogCapture capture;
    av_log(nullptr, AV_LOG_ERROR, "the reason\n");
    try {
        check(AVERROR(ENOSPC), "write a packet", ErrorKind::output);
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.info().kind == ErrorKind::output);
        CHECK(error.info().code == ENOSPC);
        CHECK(error.info().operation == "write a packet");
        CHECK(error.info().reason == "No space left on device");
        CHECK(error.info().log == "the reason\n");
        CHECK(std::string(error.what()) == "write a packet: No space left on device");
    }
}

TEST_CASE("check: FFmpeg's own codes stay negative and have FFmpeg's words") {
    try {
        check(AVERROR_INVALIDDATA, "read", ErrorKind::encode);
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.info().code == AVERROR_INVALIDDATA);
        CHECK(error.info().reason == "Invalid data found when processing input");
        CHECK(error.info().log.empty());
    }
}

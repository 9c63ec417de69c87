#include "core/encoding/encoder.hpp"
#include "core/error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "frames.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace gymreel;
using namespace gymreel::testing;

struct Packet {
    std::int64_t pts;
    std::int64_t dts;
    std::int64_t duration;
    bool is_key;
};

std::vector<Packet> encode(Encoder& encoder, int num_frames, int width = 64, int height = 48) {
    std::vector<Packet> packets;
    const auto keep = [&](AVPacket& packet) {
        packets.push_back({packet.pts, packet.dts, packet.duration, (packet.flags & AV_PKT_FLAG_KEY) != 0});
    };
    for (int i = 0; i < num_frames; ++i) {
        encoder.load(GreyFrame(i * 7 % 256, width, height).view());
        encoder.encode(keep);
    }
    encoder.flush(keep);
    return packets;
}

void check_packets(const std::vector<Packet>& packets, int num_frames) {
    REQUIRE(static_cast<int>(packets.size()) == num_frames);
    std::set<std::int64_t> times;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        times.insert(packets[i].pts);
        CHECK(packets[i].duration == 1);
        CHECK(packets[i].dts <= packets[i].pts);
        if (i > 0) CHECK(packets[i].dts > packets[i - 1].dts);
    }
    CHECK(packets.front().is_key);
    CHECK(*times.begin() == 0);
    CHECK(*times.rbegin() == num_frames - 1);
    CHECK(static_cast<int>(times.size()) == num_frames);
}

ErrorInfo failure_of(const EncoderConfig& config, int width, int height) {
    const LogCapture capture;
    try {
        const Encoder encoder(config, width, height, 1);
    } catch (const Error& error) {
        return error.info();
    }
    FAIL("the encoder opened");
    return {};
}

/// The idr_pic_id in the slice header of an H.264 packet with start codes (ITU-T H.264, 7.3.3); -1 without an IDR slice.
/// For streams of libx264 with frame numbers of four bits.
int idr_number(const std::string& packet) {
    const auto start = packet.find(std::string("\0\0\1\x65", 4));
    if (start == std::string::npos) return -1;
    std::size_t bit = (start + 4) * 8;
    const auto next_bit = [&] {
        const int value = static_cast<unsigned char>(packet[bit / 8]) >> (7 - bit % 8) & 1;
        ++bit;
        return value;
    };
    const auto next_number = [&] {  // Exp-Golomb.
        int num_zeros = 0;
        while (next_bit() == 0) ++num_zeros;
        int value = 1;
        for (int i = 0; i < num_zeros; ++i) value = 2 * value + next_bit();
        return value - 1;
    };
    next_number();                                       // first_mb_in_slice
    next_number();                                       // slice_type
    next_number();                                       // pic_parameter_set_id
    for (int i = 0; i < 4; ++i) CHECK(next_bit() == 0);  // frame_num
    return next_number();
}

bool has(const char* encoder) { return avcodec_find_encoder_by_name(encoder) != nullptr; }

}  // namespace

TEST_CASE("encoder: one packet for each frame, at its time, whatever the encoder holds back") {
    const LogCapture quiet;
    for (const int num_frames : {1, 2, 3, 50, 61}) {
        Encoder lossless(lossless_config(), 64, 48, 1);
        check_packets(encode(lossless, num_frames), num_frames);
        if (has("libx264")) {
            Encoder reordering({"libx264", "yuv420p", 2997, 100, {{"preset", "medium"}}, true}, 64, 48, 2);
            check_packets(encode(reordering, num_frames), num_frames);
        }
    }
}

TEST_CASE("encoder: clips shorter than the delay of reordering have times that a container takes") {
    // libx265 leaves their decoding times unset: now and then they are anything.
    if (!has("libx265")) return;
    for (int repetition = 0; repetition < 25; ++repetition) {
        const LogCapture quiet;
        for (const int num_frames : {1, 2}) {
            const Options options{{"preset", "veryfast"}, {"x265-params", "log-level=none"}};
            Encoder encoder({"libx265", "yuv420p", 25, 1, options, true}, 128, 128, 1);
            check_packets(encode(encoder, num_frames, 128, 128), num_frames);
        }
    }
}

TEST_CASE("encoder: flushing without a frame gives no packet") {
    Encoder encoder(lossless_config(), 64, 48, 1);
    CHECK(encode(encoder, 0).empty());
}

TEST_CASE("encoder: the rate is exact and the colours are tagged") {
    const Encoder encoder({"ffv1", "yuv420p", 30000, 1001, {}, false}, 64, 48, 1);
    const AVCodecContext& context = encoder.context();
    CHECK(context.time_base.num == 1001);
    CHECK(context.time_base.den == 30000);
    CHECK(context.colorspace == AVCOL_SPC_BT709);
    CHECK(context.color_primaries == AVCOL_PRI_BT709);
    CHECK(context.color_trc == AVCOL_TRC_BT709);
    CHECK(context.color_range == AVCOL_RANGE_MPEG);
}

TEST_CASE("encoder: sizes are padded only where chroma is shared") {
    const auto size_of = [](const char* format, int width, int height) {
        const Encoder encoder({"ffv1", format, 30, 1, {{"level", "1"}}, false}, width, height, 1);
        return std::pair(encoder.context().width, encoder.context().height);
    };
    CHECK(size_of("yuv420p", 17, 15) == std::pair(18, 16));
    CHECK(size_of("yuv420p", 18, 16) == std::pair(18, 16));
    CHECK(size_of("yuv420p", 1, 1) == std::pair(2, 2));
    CHECK(size_of("yuv422p", 17, 15) == std::pair(18, 15));
    CHECK(size_of("yuv410p", 17, 15) == std::pair(20, 16));
    CHECK(size_of("yuv444p", 17, 15) == std::pair(17, 15));
}

TEST_CASE("encoder: an unknown encoder, format or option is named") {
    const ErrorInfo encoder = failure_of({"nonsense", "yuv420p", 30, 1, {}, false}, 64, 48);
    CHECK(encoder.kind == ErrorKind::codec_not_found);
    CHECK(encoder.reason.find("nonsense") != std::string::npos);
    const ErrorInfo format = failure_of({"ffv1", "rainbow", 30, 1, {}, false}, 64, 48);
    CHECK(format.kind == ErrorKind::config);
    CHECK(format.reason.find("rainbow") != std::string::npos);
    const ErrorInfo option = failure_of({"ffv1", "yuv420p", 30, 1, {{"no_such", "1"}}, false}, 64, 48);
    CHECK(option.kind == ErrorKind::config);
    CHECK(option.reason.find("no_such") != std::string::npos);
}

TEST_CASE("encoder: a refused size is told with the size, the encoder and its own reason") {
    const ErrorInfo failure = failure_of({"mpeg4", "yuv420p", 30, 1, {}, false}, 9000, 2);
    CHECK(failure.kind == ErrorKind::encode);
    CHECK(failure.operation.find("mpeg4") != std::string::npos);
    CHECK(failure.operation.find("9000x2") != std::string::npos);
    CHECK(failure.log.find("too large") != std::string::npos);
}

TEST_CASE("encoder: a quantiser reaches encoders that take theirs from each frame") {
    const LogCapture quiet;
    const auto size_with = [](const char* quality) {
        const Options options{{"flags", "+qscale"}, {"global_quality", quality}};
        Encoder encoder({"mpeg4", "yuv420p", 30, 1, options, false}, 64, 48, 1);
        std::vector<std::uint8_t> pixels(64 * 48);
        std::uint32_t state = 1;
        for (std::uint8_t& pixel : pixels) {
            state = state * 1664525U + 1013904223U;
            pixel = static_cast<std::uint8_t>(state >> 24U);
        }
        int size = 0;
        const auto add = [&](AVPacket& packet) { size += packet.size; };
        encoder.load(FrameView{pixels.data(), 64, 48, 1, 64, 1, 1});
        encoder.encode(add);
        encoder.flush(add);
        return size;
    };
    CHECK(size_with("236") > size_with("3540"));  // 2 and 30 times 118.
}

namespace {

/// Encodes frames of running brightness, draining after each number of frames in `runs`.
std::vector<Packet> encode_in_runs(Encoder& encoder, const std::vector<int>& runs, std::vector<std::string>* bytes) {
    std::vector<Packet> packets;
    const auto keep = [&](AVPacket& packet) {
        packets.push_back({packet.pts, packet.dts, packet.duration, (packet.flags & AV_PKT_FLAG_KEY) != 0});
        if (bytes != nullptr) bytes->emplace_back(reinterpret_cast<const char*>(packet.data), packet.size);
    };
    int number = 0;
    for (const int num_frames : runs) {
        for (int i = 0; i < num_frames; ++i) {
            encoder.load(GreyFrame(number++ * 7 % 256, 128, 128).view());
            encoder.encode(keep);
        }
        CHECK(encoder.drain(keep));
        CHECK(static_cast<int>(packets.size()) == number);
    }
    encoder.flush(keep);
    return packets;
}

}  // namespace

TEST_CASE("encoder: drained and opened once more, its packets go on, with the usual and with a brief look-ahead") {
    const LogCapture quiet;
    const std::vector<int> runs{1, 1, 1, 2, 20, 3, 1, 40, 5};
    for (const std::string name :
         {"libx264", "libx264rgb", "libx265", "libvpx", "libvpx-vp9", "libaom-av1", "libsvtav1", "mpeg4", "ffv1"}) {
        if (!has(name.c_str())) continue;
        CAPTURE(name);
        Options options;
        if (name.rfind("libx26", 0) == 0) options = {{"preset", "veryfast"}};
        if (name == "libx265") options.emplace_back("x265-params", "log-level=none");
        if (name == "libaom-av1") options = {{"cpu-used", "8"}};
        if (name == "libsvtav1") options = {{"preset", "12"}};
        for (const auto lookahead : {Encoder::Lookahead::usual, Encoder::Lookahead::brief}) {
            for (const int num_threads : {1, 2}) {
                if (num_threads == 2 && name == "libsvtav1") continue;  // It makes of them what it likes.
                const char* const format = name == "libx264rgb" ? "rgb24" : "yuv420p";
                Encoder encoder({name, format, 30, 1, options, true}, 128, 128, num_threads);
                encoder.set_lookahead(lookahead);
                int total = 0;
                for (const int run : runs) total += run;
                const auto packets = encode_in_runs(encoder, runs, nullptr);
                check_packets(packets, total);
                int first = 0;
                for (const int run : runs) {
                    CHECK(packets[static_cast<std::size_t>(first)].is_key);
                    first += run;
                }
                const bool can_be_brief = name.rfind("libx26", 0) == 0 || name.rfind("libvpx", 0) == 0;
                if (can_be_brief) CHECK(encoder.lookahead() == lookahead);
            }
        }
    }
}

TEST_CASE("encoder: with a brief look-ahead few frames are held back") {
    const LogCapture quiet;
    for (const std::string name : {"libx264", "libvpx-vp9"}) {
        if (!has(name.c_str())) continue;
        const Options options =
            name == "libx264" ? Options{{"preset", "veryfast"}} : Options{{"deadline", "good"}, {"cpu-used", "6"}};
        Encoder encoder({name, "yuv420p", 30, 1, options, true}, 128, 128, 2);
        const auto ignore = [](AVPacket&) {};
        std::int64_t most_held = 0;
        const auto encode_some = [&] {
            most_held = 0;
            for (int i = 0; i < 60; ++i) {
                encoder.load(GreyFrame(i, 128, 128).view());
                encoder.encode(ignore);
                most_held = std::max(most_held, encoder.num_held());
            }
        };
        encode_some();
        CHECK(most_held > 10);
        encoder.set_lookahead(Encoder::Lookahead::brief);
        CHECK(encoder.drain(ignore));
        encode_some();
        CHECK(most_held <= 4);
        encoder.set_lookahead(Encoder::Lookahead::usual);
        CHECK(encoder.drain(ignore));
        encode_some();
        CHECK(most_held > 10);
    }
}

TEST_CASE("encoder: two successive key frames of H.264 have different numbers, and the settings are there once") {
    if (!has("libx264")) return;
    const LogCapture quiet;
    Encoder encoder({"libx264", "yuv420p", 30, 1, {{"preset", "veryfast"}}, true}, 128, 128, 1);
    std::vector<std::string> bytes;
    const auto packets = encode_in_runs(encoder, {1, 1, 1, 3, 1, 1}, &bytes);
    REQUIRE(packets.size() == 8);
    int last_number = -1;
    for (std::size_t i = 0; i < packets.size(); ++i) {
        CHECK((bytes[i].find("x264 - core") != std::string::npos) == (i == 0));
        if (packets[i].is_key) {
            const int number = idr_number(bytes[i]);
            CHECK(number != last_number);
            last_number = number;
        } else {
            last_number = -1;
        }
    }
}

TEST_CASE("encoder: one that keeps the statistics of a pass is not drained") {
    if (!has("libx264")) return;
    const LogCapture quiet;
    const TemporaryFolder folder;
    const Options options{{"flags", "+pass1"}, {"stats", (folder / "statistics").string()}};
    Encoder encoder({"libx264", "yuv420p", 30, 1, options, true}, 64, 48, 1);
    int num_packets = 0;
    const auto count = [&](AVPacket&) { ++num_packets; };
    for (int i = 0; i < 5; ++i) {
        encoder.load(GreyFrame(i).view());
        encoder.encode(count);
    }
    CHECK(!encoder.drain(count));
    encoder.flush(count);
    CHECK(num_packets == 5);
}

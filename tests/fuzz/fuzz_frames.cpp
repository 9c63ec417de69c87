// What an input's bytes decide: how the pixels of a frame lie in memory, which every conversion must read as it reads
// their packed copy, and no byte beside them; or what is done to the engine and several streams, which must lose, mix
// and keep nothing. Buffers end where their pixels end, so that AddressSanitizer sees what goes beyond.

#include "core/engine/engine.hpp"
#include "core/error.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/demuxer.hpp"
#include "core/file/memory_output.hpp"
#include "core/pixels/convert.hpp"
#include "core/pixels/convert_rows.hpp"
#include "core/pixels/frame_converter.hpp"
#include "core/pixels/pack.hpp"
#include "fuzz_input.hpp"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace gymreel;
using fuzz::Input;

constexpr int largest_size = 64;
constexpr std::array all_channels{1, 3, 4};

/// A view, and exactly the bytes that it reaches.
struct Source {
    std::unique_ptr<std::uint8_t[]> bytes;
    FrameView view;
};

Source draw_source(Input& input, int width, int height) {
    const int channels = input.one_of(all_channels);
    const int any = 300;
    const auto draw_stride = [&](std::array<int, 6> likely) {
        const int choice = input.between(0, 7);
        return choice < 6 ? likely[static_cast<std::size_t>(choice)] : input.between(-any, any);
    };
    const std::array<std::ptrdiff_t, 3> strides{
        draw_stride({width * channels, -width * channels, 0, channels, width * 4 + 3, 1}),
        draw_stride({channels, -channels, 0, 1, 4, height * channels}),
        draw_stride({1, -1, 0, width * height, 1, -1}),
    };
    const std::array<std::ptrdiff_t, 3> lengths{height, width, channels};
    std::ptrdiff_t first = 0;
    std::ptrdiff_t last = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
        const std::ptrdiff_t reach = (lengths[axis] - 1) * strides[axis];
        (reach < 0 ? first : last) += reach;
    }
    const auto num_bytes = static_cast<std::size_t>(last - first + 1);
    Source source;
    source.bytes = std::make_unique<std::uint8_t[]>(num_bytes);
    std::minstd_rand random(static_cast<unsigned>(input.byte()));
    const int num_values = input.one_of(std::array{256, 2, 6, 1});  // Few colours take another way to a palette.
    for (std::size_t i = 0; i < num_bytes; ++i) {
        const int value = static_cast<int>(random() >> 8U) % num_values;
        source.bytes[i] = static_cast<std::uint8_t>(num_values == 2 ? value * 255 : value);
    }
    source.view = {source.bytes.get() - first, width, height, channels, strides[0], strides[1], strides[2]};
    return source;
}

/// The packed copy, made in the plainest way.
Source pack_plainly(const FrameView& view) {
    Source copy;
    copy.bytes = std::make_unique<std::uint8_t[]>(packed_size(view));
    std::uint8_t* next = copy.bytes.get();
    for (int y = 0; y < view.height; ++y) {
        for (int x = 0; x < view.width; ++x) {
            for (int channel = 0; channel < view.channels; ++channel) {
                *next++ = view.data[y * view.row_stride + x * view.pixel_stride + channel * view.channel_stride];
            }
        }
    }
    copy.view = {copy.bytes.get(), view.width, view.height, view.channels, view.width * view.channels,
                 view.channels,    1};
    return copy;
}

void check_pack(const FrameView& view, const FrameView& packed) {
    const auto copy = std::make_unique<std::uint8_t[]>(packed_size(view));
    const FrameView result = pack_frame(view, copy.get());
    GYMREEL_FUZZ_CHECK(std::memcmp(copy.get(), packed.data, packed_size(view)) == 0);
    GYMREEL_FUZZ_CHECK(result.data == copy.get() && result.row_stride == packed.row_stride);
}

/// Planes whose rows have a gap of guard bytes between them, and whose memory ends with the last row.
class Planes {
public:
    Planes(PlanarFormat format, int width, int height, int gap) {
        const int chroma_width = format == PlanarFormat::yuv444p ? width : (width + 1) / 2;
        const int chroma_height = format == PlanarFormat::yuv444p ? height : (height + 1) / 2;
        image_.width = width;
        image_.height = height;
        add(0, width, height, gap);
        add(1, format == PlanarFormat::nv12 ? 2 * chroma_width : chroma_width, chroma_height, gap);
        if (format != PlanarFormat::nv12) add(2, chroma_width, chroma_height, gap);
    }

    const PlanarImage& image() const { return image_; }
    bool operator==(const Planes& other) const { return bytes_ == other.bytes_; }

private:
    void add(std::size_t plane, int row_bytes, int num_rows, int gap) {
        constexpr int guard = 0xA5;
        const int stride = row_bytes + gap;
        bytes_[plane] = std::vector<std::uint8_t>(static_cast<std::size_t>(stride * (num_rows - 1) + row_bytes), guard);
        image_.planes[plane] = bytes_[plane].data();
        image_.strides[plane] = stride;
    }

    PlanarImage image_;
    std::array<std::vector<std::uint8_t>, 3> bytes_;
};

const std::vector<const RowKernels*>& all_kernels() {
    static const std::vector<const RowKernels*> all = [] {
        std::vector<const RowKernels*> kernels = simd_row_kernels();
        kernels.push_back(&plain_row_kernels());
        return kernels;
    }();
    return all;
}

void check_kernels(Input& input, const FrameView& view, const FrameView& packed) {
    const int width = view.width + input.between(0, 3);
    const int height = view.height + input.between(0, 3);
    const int gap = input.between(0, 40);
    for (const PlanarFormat format : {PlanarFormat::yuv420p, PlanarFormat::yuv444p, PlanarFormat::nv12}) {
        const Planes expected(format, width, height, gap);
        Converter(format, plain_row_kernels()).convert(packed, expected.image());
        for (const RowKernels* kernels : all_kernels()) {
            const Planes planes(format, width, height, gap);
            Converter(format, *kernels).convert(view, planes.image());
            GYMREEL_FUZZ_CHECK(planes == expected);
        }
    }
}

const std::vector<AVPixelFormat>& convertible_formats() {
    static const std::vector<AVPixelFormat> all = [] {
        std::vector<AVPixelFormat> formats;
        const AVPixFmtDescriptor* descriptor = nullptr;
        while ((descriptor = av_pix_fmt_desc_next(descriptor)) != nullptr) {
            const AVPixelFormat format = av_pix_fmt_desc_get_id(descriptor);
            if (is_convertible(format)) formats.push_back(format);
        }
        return formats;
    }();
    return all;
}

FramePtr make_frame(AVPixelFormat format, const FrameView& view) {
    const AVPixFmtDescriptor& descriptor = *av_pix_fmt_desc_get(format);
    const auto round_up = [](int size, int log2_step) { return -(-size >> log2_step) * (1 << log2_step); };
    FramePtr frame(av_frame_alloc());
    frame->format = format;
    frame->width = round_up(view.width, descriptor.log2_chroma_w);
    frame->height = round_up(view.height, descriptor.log2_chroma_h);
    GYMREEL_FUZZ_CHECK(av_frame_get_buffer(frame.get(), 0) == 0);
    for (const AVBufferRef* buffer : frame->buf) {
        if (buffer != nullptr) std::memset(buffer->data, 0, buffer->size);
    }
    return frame;
}

std::vector<std::uint8_t> bytes_of(const AVFrame& frame) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    const int size = av_image_get_buffer_size(format, frame.width, frame.height, 1);
    GYMREEL_FUZZ_CHECK(size > 0);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    av_image_copy_to_buffer(bytes.data(), size, frame.data, frame.linesize, format, frame.width, frame.height, 1);
    return bytes;
}

std::uint32_t color_at(const FrameView& packed, int x, int y) {
    const std::uint8_t* const pixel = packed.data + y * packed.row_stride + x * packed.pixel_stride;
    const bool is_grey = packed.channels == 1;
    const std::uint32_t green = is_grey ? pixel[0] : pixel[1];
    const std::uint32_t blue = is_grey ? pixel[0] : pixel[2];
    return 0xFF000000U | std::uint32_t{pixel[0]} << 16U | green << 8U | blue;
}

/// With few colours each comes back exactly; none is the transparent one.
void check_palette(const AVFrame& frame, const FrameView& packed) {
    std::set<std::uint32_t> colors;
    for (int y = 0; y < packed.height; ++y) {
        for (int x = 0; x < packed.width; ++x) colors.insert(color_at(packed, x, y));
    }
    for (int y = 0; y < packed.height; ++y) {
        for (int x = 0; x < packed.width; ++x) {
            const int index = frame.data[0][y * frame.linesize[0] + x];
            std::uint32_t color = 0;
            std::memcpy(&color, frame.data[1] + static_cast<std::ptrdiff_t>(4) * index, sizeof(color));
            GYMREEL_FUZZ_CHECK(color >> 24U == 0xFF);
            GYMREEL_FUZZ_CHECK(colors.size() > 255 || color == color_at(packed, x, y));
        }
    }
}

/// Some frames of one size through one converter, as in a recording, and their packed copies through another.
void check_frame_converter(Input& input, int width, int height) {
    const std::vector<AVPixelFormat>& formats = convertible_formats();
    AVPixelFormat format = formats[static_cast<std::size_t>(input.byte()) % formats.size()];
    if (input.between(0, 3) == 0) format = AV_PIX_FMT_PAL8;
    const auto converter = make_frame_converter(format);
    const auto reference = make_frame_converter(format);
    const int num_frames = input.between(1, 4);
    for (int i = 0; i < num_frames; ++i) {
        const Source source = draw_source(input, width, height);
        const Source packed = pack_plainly(source.view);
        const FramePtr frame = make_frame(format, source.view);
        const FramePtr expected = make_frame(format, source.view);
        converter->convert(source.view, *frame);
        reference->convert(packed.view, *expected);
        GYMREEL_FUZZ_CHECK(bytes_of(*frame) == bytes_of(*expected));
        if (format == AV_PIX_FMT_PAL8) check_palette(*frame, packed.view);
    }
}

void check_geometry(Input& input) {
    const int width = input.between(1, largest_size);
    const int height = input.between(1, largest_size);
    const Source source = draw_source(input, width, height);
    const Source packed = pack_plainly(source.view);
    check_pack(source.view, packed.view);
    check_kernels(input, source.view, packed.view);
    check_frame_converter(input, width, height);
}

/// What one stream must have become, by what was done to it.
struct Recording {
    std::shared_ptr<Stream> stream;
    std::string muxer;
    std::optional<std::pair<int, int>> size;
    std::uint64_t num_taken = 0;
    bool is_finished = false;
    bool may_fail = false;
};

struct Encoding {
    const char* encoder;
    const char* pixel_format;
    const char* muxer;
    bool may_fail;  // Small sizes are not for every encoder, and the last one is for none.
};

constexpr std::array encodings{
    Encoding{"ffv1", "yuv444p", "matroska", false}, Encoding{"mpeg4", "yuv420p", "mp4", true},
    Encoding{"gif", "pal8", "gif", false},          Encoding{"libx264", "yuv420p", "mp4", true},
    Encoding{"ffv1", "yuv420p", "mov", false},      Encoding{"ffv1", "no_such_format", "matroska", true},
};

/// The engine with several recordings in memory, driven by an input.
class Session {
public:
    explicit Session(Input& input) : input_(input) {}

    void run() {
        for (int step = 0; step < max_steps && !input_.is_empty(); ++step) take_step();
        engine_.finish_all();
        for (Recording& recording : recordings_) check_end(recording);
        engine_.stop_workers();
        take_back();
        GYMREEL_FUZZ_CHECK(lent_.empty());
        engine_.set_num_threads(0);
        engine_.set_max_pending_bytes(std::size_t{512} << 20);
        engine_.set_priority(ThreadPriority::background);
        engine_.stop_workers();
    }

private:
    static constexpr int max_steps = 120;
    static constexpr std::size_t max_recordings = 6;

    void take_step() {
        const int action = input_.between(0, 15);
        if (recordings_.empty() || (action == 0 && recordings_.size() < max_recordings)) return open();
        Recording& recording = recordings_[static_cast<std::size_t>(input_.byte()) % recordings_.size()];
        switch (action) {
            case 1: engine_.set_num_threads(input_.between(0, 3)); break;
            case 2: engine_.set_max_pending_bytes(static_cast<std::size_t>(input_.between(1, 60000))); break;
            case 3: engine_.set_priority(ThreadPriority::normal); break;
            case 4: take_back(); break;
            case 5: engine_.stop_workers(); break;
            case 6: finish(recording); break;
            case 7: check_stats(recording); break;
            case 8: add_metadata(recording); break;
            case 9: recording.stream->wait_for_room(1, std::chrono::milliseconds(1)); break;
            default: write(recording);
        }
    }

    void open() {
        const Encoding& encoding = input_.one_of(encodings);
        StreamConfig config;
        config.encoder = {encoding.encoder, encoding.pixel_format, input_.between(1, 60), 1, {}, false};
        config.file = {{}, encoding.muxer, {{"title", "fuzz"}}};
        config.max_pending_bytes = static_cast<std::size_t>(input_.between(1, 60000));
        config.check_borrowed = input_.between(0, 1) != 0;
        Recording recording;
        recording.muxer = encoding.muxer;
        recording.may_fail = encoding.may_fail;
        recording.stream = engine_.open(std::move(config));
        recordings_.push_back(std::move(recording));
    }

    void write(Recording& recording) {
        std::pair<int, int> size = recording.size.value_or(std::pair{0, 0});
        if (!recording.size || input_.between(0, 9) == 0) {
            size = {input_.between(1, largest_size), input_.between(1, largest_size)};
        }
        auto source = std::make_unique<Source>(draw_source(input_, size.first, size.second));
        const FrameView view = source->view;
        bool is_taken = false;
        try {
            if (input_.between(0, 1) == 0) {
                is_taken = engine_.write_copy(recording.stream, view);
            } else if (engine_.write(recording.stream, view, source.get())) {
                is_taken = true;
                void* const token = source.get();
                lent_.emplace(token, std::move(source));
            }
        } catch (const Error& error) {
            const ErrorKind kind = error.info().kind;
            const bool is_other_size = recording.size && *recording.size != size;
            GYMREEL_FUZZ_CHECK((kind == ErrorKind::closed && recording.is_finished) ||
                               (kind == ErrorKind::frame_shape && is_other_size) ||
                               (recording.may_fail && recording.stream->failure()));
            return;
        }
        GYMREEL_FUZZ_CHECK(!is_taken || !recording.is_finished);
        GYMREEL_FUZZ_CHECK(!is_taken || !recording.size || *recording.size == size);
        if (!is_taken) return;
        recording.size = size;
        ++recording.num_taken;
    }

    void finish(Recording& recording) {
        engine_.finish(recording.stream);
        recording.is_finished = true;
        if (input_.between(0, 1) == 0) wait(recording);
    }

    void add_metadata(Recording& recording) {
        try {
            recording.stream->add_metadata({{"comment", std::to_string(input_.byte())}});
            GYMREEL_FUZZ_CHECK(!recording.is_finished || recording.may_fail);
        } catch (const Error& error) {
            GYMREEL_FUZZ_CHECK(error.info().kind == ErrorKind::closed && recording.is_finished);
        }
    }

    static void check_stats(const Recording& recording) {
        const StreamStats stats = recording.stream->stats();
        GYMREEL_FUZZ_CHECK(stats.num_written == recording.num_taken);
        GYMREEL_FUZZ_CHECK(stats.num_written == stats.num_borrowed + stats.num_copied);
        GYMREEL_FUZZ_CHECK(stats.num_pending <= stats.num_written);
    }

    /// Lets go of what came back: once each, and nothing else. A worker that still reads it is found by the sanitizer.
    void take_back() {
        for (const PendingFrame& frame : engine_.take_spent()) GYMREEL_FUZZ_CHECK(lent_.erase(frame.owner) == 1);
    }

    static void wait(const Recording& recording) {
        constexpr std::chrono::seconds longest{60};
        GYMREEL_FUZZ_CHECK(recording.stream->wait_until_done(longest));
    }

    void check_end(const Recording& recording) const {
        wait(recording);
        const StreamStats stats = recording.stream->stats();
        const StreamResult result = *recording.stream->result();
        GYMREEL_FUZZ_CHECK(stats.num_written == recording.num_taken);
        GYMREEL_FUZZ_CHECK(stats.num_pending == 0 && stats.pending_bytes == 0);
        GYMREEL_FUZZ_CHECK(result.num_frames <= recording.num_taken);
        if (recording.stream->failure()) {
            GYMREEL_FUZZ_CHECK(recording.may_fail);
            return;
        }
        GYMREEL_FUZZ_CHECK(stats.num_encoded == recording.num_taken && result.num_frames == recording.num_taken);
        MemoryOutput bytes;
        const std::vector<std::uint8_t> taken = recording.stream->take_bytes();
        GYMREEL_FUZZ_CHECK(taken.empty() == (recording.num_taken == 0));
        GYMREEL_FUZZ_CHECK(result.num_bytes == static_cast<std::int64_t>(taken.size()));
        if (taken.empty()) return;
        bytes.write_at(0, taken.data(), static_cast<int>(taken.size()));
        Demuxer demuxer(bytes, recording.muxer);
        const PacketPtr packet(av_packet_alloc());
        std::uint64_t num_packets = 0;
        for (; demuxer.read(*packet); ++num_packets) av_packet_unref(packet.get());
        GYMREEL_FUZZ_CHECK(num_packets == recording.num_taken);
    }

    Input& input_;
    Engine& engine_ = Engine::instance();
    std::vector<Recording> recordings_;
    std::map<void*, std::unique_ptr<Source>> lent_;
};

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
    all_kernels();  // Before there is any other thread.
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const LogCapture quiet;
    Input input(data, size);
    if (input.byte() % 4 != 0) {
        check_geometry(input);
    } else {
        Session(input).run();
    }
    return 0;
}

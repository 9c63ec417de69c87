// What Stream does on the worker that has it. The calling side is in stream.cpp.

#include "core/encoding/encoder_threads.hpp"
#include "core/engine/stream.hpp"
#include "core/ffmpeg/log_capture.hpp"
#include "core/file/muxer.hpp"
#include "core/pixels/frame_pixels.hpp"

#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace gymreel {
namespace {

// Long enough that taking a stream from the line costs little in comparison, and short enough for streams that share a
// worker to take turns.
constexpr std::chrono::milliseconds slice{10};

ErrorInfo describe(const std::exception_ptr& reason) {
    constexpr ErrorKind kind = ErrorKind::encode;
    constexpr const char* operation = "encode a frame";
    try {
        std::rethrow_exception(reason);
    } catch (const Error& error) {
        return error.info();
    } catch (const std::bad_alloc&) {
        return {kind, ENOMEM, operation, "out of memory", {}, {}};
    } catch (const std::exception& error) {
        return {kind, 0, operation, error.what(), {}, {}};
    }
}

}  // namespace

/// Call `action`. An exception becomes the failure of the stream, because none may leave the thread.
template <typename Action>
void Stream::attempt(Action action) noexcept {
    try {
        action();
    } catch (...) {
        fail_with(std::current_exception());
    }
}

Stream::Left Stream::run_slice(const SliceContext& context) noexcept {
    const LogCapture capture;
    const auto end = std::chrono::steady_clock::now() + slice;
    do {
        FrameList frame;
        bool is_last = false;
        {
            const std::lock_guard lock(mutex_);
            if (!queue_.empty()) {
                frame.splice(frame.begin(), queue_, queue_.begin());
            } else {
                is_last = state_ == State::finishing;
            }
        }
        if (is_last) {
            context.spent.send_back();  // No frame of this stream follows, and perhaps none of any other.
            end_encoding();
            return Left::completion;
        }
        const bool is_idle = frame.empty();
        if (!is_idle) {
            attempt([&] { encode(frame, context); });
            if (!frame.empty()) release(frame, context.spent);
        }
        if (file_ && is_file_sound()) attempt([&] { save_what_is_due(is_idle); });
        const std::lock_guard lock(mutex_);
        if (is_idle && queue_.empty() && state_ == State::open) {
            rests_until_ = failure_ ? std::nullopt : pace_.next_due(held_);
            is_scheduled_ = false;
            return Left::nothing;
        }
    } while (std::chrono::steady_clock::now() < end);
    const std::lock_guard lock(mutex_);
    return state_ == State::finishing ? Left::last : Left::some;
}

std::optional<RestingStreams::Time> Stream::rests_until() const noexcept {
    const std::lock_guard lock(mutex_);
    return is_scheduled_ ? std::nullopt : rests_until_;
}

bool Stream::end_rest() noexcept {
    const std::lock_guard lock(mutex_);
    return !std::exchange(is_scheduled_, true);
}

void Stream::encode(FrameList& frame, const SliceContext& context) {
    {
        const std::lock_guard lock(mutex_);
        if (failure_) return;
    }
    if (!encoder_) open_output(size_of(frame.front().pixels), context);
    if (!encoder_count_) encoder_count_.emplace(context.num_encoders);
    const Pace::Time now = Pace::Clock::now();
    pace_.frame_came(now);
    held_.add(now);
    encoder_->load(frame.front().pixels);
    check_unchanged(frame.front());
    release(frame, context.spent);
    encoder_->encode([this](AVPacket& packet) { write_packet(packet); });
    const std::lock_guard lock(mutex_);
    ++stats_.num_encoded;
    stats_.num_bytes = file_->num_bytes();
}

void Stream::write_packet(AVPacket& packet) {
    const std::int64_t number = packet.pts;  // The file rescales it.
    held_.came_out(number);
    pace_.packet_came(Pace::Clock::now());
    if (!file_->write(packet)) return;  // The fragment has not ended.
    held_.saved();
    pace_.fragment_ended();
}

/// Bring frames that have been held back for too long into the file. While frames are waiting, the encoder is not
/// drained, because encoding comes first.
void Stream::save_what_is_due(bool is_idle) {
    const Pace::Time now = Pace::Clock::now();
    const auto is_due = [&](const std::optional<Pace::Time>& due) { return due && *due <= now; };
    std::size_t num_waiting = 0;
    {
        const std::lock_guard lock(mutex_);
        num_waiting = queue_.size();
    }
    if (encoder_->lookahead() == Encoder::Lookahead::brief && pace_.has_recovered(num_waiting)) {
        encoder_->set_lookahead(Encoder::Lookahead::usual);
        drain();
    } else if (is_idle && is_due(pace_.hold_due(held_))) {
        encoder_->set_lookahead(Encoder::Lookahead::brief);
        drain();
    } else if (is_idle && is_due(pace_.rest_due(held_))) {
        drain();
    } else if (is_due(pace_.fragment_due(held_))) {
        end_fragment();
    }
}

void Stream::end_fragment() {
    file_->end_fragment();
    held_.saved();
    pace_.fragment_ended();
    const std::lock_guard lock(mutex_);
    stats_.num_bytes = file_->num_bytes();
}

void Stream::drain() {
    if (!encoder_->drain([this](AVPacket& packet) { write_packet(packet); })) {
        held_.cannot_be_drained();
    } else {
        if (!encoder_->is_open()) encoder_count_.reset();
        pace_.drained();
    }
    end_fragment();
}

void Stream::check_unchanged(const PendingFrame& frame) const {
    if (!frame.checksum || checksum(frame.pixels) == *frame.checksum) return;
    throw Error(ErrorKind::encode, "encode a frame",
                "the pixels of frame " + std::to_string(stats().num_encoded) +
                    " changed between write() and encoding, so somebody still had a hold on its array: use copy=True, "
                    "or write arrays that are not used again");
}

void Stream::open_output(FrameSize size, const SliceContext& context) {
    EncoderConfig config = config_.encoder;
    config.global_header = Muxer::wants_global_header(config_.file.muxer);
    config.scale = scale_of(size);
    const FrameSize shown{config.scale * size.width, config.scale * size.height};
    encoder_count_.emplace(context.num_encoders);
    encoder_.emplace(config, size.width, size.height,
                     choose_encoder_threads(shown.width, shown.height, context.num_threads, context.num_encoders));
    FileConfig file = config_.file;
    const AVCodecContext& codec = encoder_->context();
    if (codec.width != shown.width || codec.height != shown.height) {
        // The picture is padded to an even size, and nothing else in the file tells where it ends.
        file.metadata.emplace_back("frame_size", std::to_string(shown.width) + "x" + std::to_string(shown.height));
    }
    file_.emplace(std::move(file), codec);
}

void Stream::release(FrameList& frame, SpentFrames& spent) noexcept {
    const std::size_t num_bytes = frame.front().num_bytes;
    FrameList unwanted;
    {
        const std::lock_guard lock(mutex_);
        --stats_.num_pending;
        stats_.pending_bytes -= num_bytes;
        if (frame.front().owner == nullptr) {
            // After a burst of frames, the others are freed, because they are not counted in any limit.
            constexpr std::size_t max_free_frames = 2;
            FrameList& destination = free_frames_.size() < max_free_frames ? free_frames_ : unwanted;
            destination.splice(destination.begin(), frame);
        }
    }
    if (!frame.empty()) spent.add(frame);
    budget_.release(num_bytes);
    changed_.notify_all();
}

/// Return whether packets can still be added to the file.
bool Stream::is_file_sound() const {
    const std::lock_guard lock(mutex_);
    return file_.has_value() && (!failure_ || failure_->kind != ErrorKind::output);
}

/// Flush and free the encoder after the last frame, before the file waits for a completer.
void Stream::end_encoding() noexcept {
    if (is_file_sound()) {
        attempt([this] { encoder_->flush([this](AVPacket& packet) { write_packet(packet); }); });
    }
    encoder_.reset();
    encoder_count_.reset();
}

void Stream::complete() noexcept {
    const LogCapture capture;
    Metadata late_metadata;
    {
        const std::lock_guard lock(mutex_);
        late_metadata = std::move(late_metadata_);
    }
    // Finishing a file without frames removes it.
    if (file_ && (is_file_sound() || file_->num_packets() == 0)) {
        attempt([&] { file_->finish(late_metadata, claim_); });
    }
    StreamResult result;
    std::vector<std::uint8_t> bytes;
    // Nothing from here on allocates memory, so that the result is known even when memory has run out.
    if (file_) {
        result.num_frames = file_->num_packets();
        result.num_bytes = file_->num_bytes();
        bytes = file_->take_bytes();
    }
    result.path = result.num_frames > 0 ? file_->take_path() : std::move(config_.file.path);
    file_.reset();
    const std::lock_guard lock(mutex_);
    result.width = scale_of({width_, height_}) * width_;
    result.height = scale_of({width_, height_}) * height_;
    stats_.num_bytes = result.num_bytes;
    bytes_ = std::move(bytes);
    result_ = std::move(result);
    free_frames_.clear();
    is_scheduled_ = false;
    rests_until_.reset();
    state_ = State::done;
    changed_.notify_all();
}

void Stream::give_up(SpentFrames& spent) noexcept {
    attempt([] { throw Error({ErrorKind::encode, EAGAIN, "start a worker thread", "the system refuses", {}, {}}); });
    FrameList borrowed;
    {
        const std::lock_guard lock(mutex_);
        for (auto frame = queue_.begin(); frame != queue_.end();) {
            const auto next = std::next(frame);
            // The room of frames that are still being copied is given back by enqueue_copy().
            --stats_.num_pending;
            stats_.pending_bytes -= frame->num_bytes;
            budget_.release(frame->num_bytes);
            if (frame->owner != nullptr) borrowed.splice(borrowed.end(), queue_, frame);
            frame = next;
        }
        queue_.clear();
    }
    spent.add(borrowed);
    spent.send_back();
    end_encoding();
    complete();
}

void Stream::fail_with(const std::exception_ptr& reason) noexcept {
    ErrorInfo info;  // Stays without a text if there is no memory for one.
    try {
        info = describe(reason);
        if (info.filename.empty()) info.filename = (file_ ? file_->path() : config_.file.path).string();
    } catch (const std::exception&) {
        info.code = ENOMEM;
    }
    fail(std::move(info));
}

void Stream::fail(ErrorInfo info) noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::move(info);
    }
    changed_.notify_all();
}

}  // namespace gymreel

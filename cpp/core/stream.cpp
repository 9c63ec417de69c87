#include "stream.hpp"

#include "cpus.hpp"
#include "log_capture.hpp"
#include "muxer.hpp"
#include "pack.hpp"

#include <cerrno>
#include <exception>
#include <new>
#include <string>

namespace gymreel {
namespace {

// Long enough to amortise the hand-over, short enough that streams which share a worker take turns.
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

std::string size_text(int width, int height) { return std::to_string(height) + " x " + std::to_string(width); }

}  // namespace

void Stream::check_writable(const FrameView& view) const {
    if (failure_) throw Error(*failure_);
    if (state_ != State::open) throw Error(ErrorKind::closed, "write", "the writer is closed");
    if (width_ != 0 && (view.width != width_ || view.height != height_)) {
        throw Error(ErrorKind::frame_shape, "write",
                    "frame is " + size_text(view.width, view.height) + " (height x width), but the first frame was " +
                        size_text(width_, height_) + "; a video has one size: start another writer for the new one");
    }
}

bool Stream::has_room(std::size_t num_bytes) const {
    // A frame larger than the budget may pass alone.
    return stats_.num_pending == 0 || stats_.pending_bytes + num_bytes <= config_.max_pending_bytes;
}

Stream::Enqueued Stream::push(FrameList& frame) {
    const PendingFrame& added = frame.front();
    width_ = added.view.width;
    height_ = added.view.height;
    ++stats_.num_written;
    ++(added.owner != nullptr ? stats_.num_borrowed : stats_.num_copied);
    ++stats_.num_pending;
    stats_.pending_bytes += added.num_bytes;
    queue_.splice(queue_.end(), frame);
    return std::exchange(is_scheduled_, true) ? Enqueued::waiting : Enqueued::schedule;
}

Stream::Enqueued Stream::enqueue(const FrameView& view, OwnerToken owner) {
    FrameList frame;
    frame.push_back(PendingFrame{view, owner, {}, packed_size(view)});
    const std::lock_guard lock(mutex_);
    check_writable(view);
    if (!has_room(packed_size(view))) return Enqueued::full;
    return push(frame);
}

Stream::Enqueued Stream::enqueue_copy(const FrameView& view) {
    const std::size_t size = packed_size(view);
    FrameBuffer buffer;
    {
        const std::lock_guard lock(mutex_);
        check_writable(view);
        if (!has_room(size)) return Enqueued::full;
        if (!free_buffers_.empty() && free_buffers_.back().capacity >= size) {
            buffer = std::move(free_buffers_.back());
            free_buffers_.pop_back();
        }
    }
    if (buffer.capacity < size) buffer = {std::unique_ptr<std::uint8_t[]>(new std::uint8_t[size]), size};
    const FrameView copy = pack_frame(view, buffer.data.get());
    FrameList frame;
    frame.push_back(PendingFrame{copy, nullptr, std::move(buffer), size});
    const std::lock_guard lock(mutex_);
    check_writable(view);  // Another thread may have closed the stream meanwhile.
    return push(frame);
}

void Stream::count_dropped() {
    const std::lock_guard lock(mutex_);
    ++stats_.num_dropped;
}

bool Stream::wait_for_room(std::size_t num_bytes, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return has_room(num_bytes) || failure_ || state_ != State::open; });
}

bool Stream::finish() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::open) return false;
    state_ = State::finishing;
    return !std::exchange(is_scheduled_, true);
}

bool Stream::wait_until_done(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, timeout, [&] { return state_ == State::done; });
}

StreamStats Stream::stats() const {
    const std::lock_guard lock(mutex_);
    return stats_;
}

std::optional<ErrorInfo> Stream::failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

std::optional<StreamResult> Stream::result() const {
    const std::lock_guard lock(mutex_);
    return result_;
}

std::vector<std::uint8_t> Stream::take_bytes() {
    const std::lock_guard lock(mutex_);
    return state_ == State::done ? std::move(bytes_) : std::vector<std::uint8_t>();
}

bool Stream::run_slice(SpentFrames& spent) noexcept {
    const LogCapture capture;
    const auto end = std::chrono::steady_clock::now() + slice;
    do {
        FrameList frame;
        {
            const std::lock_guard lock(mutex_);
            if (!queue_.empty()) {
                frame.splice(frame.begin(), queue_, queue_.begin());
            } else if (state_ != State::finishing) {
                is_scheduled_ = false;
                return false;
            }
        }
        if (frame.empty()) {
            complete();
            return false;
        }
        attempt([&] { encode(frame, spent); });
        if (!frame.empty()) release(frame, spent);
    } while (std::chrono::steady_clock::now() < end);
    return true;
}

/// Runs one step of the worker. No exception crosses a thread: it becomes the stream's failure.
template <typename Action>
void Stream::attempt(Action action) noexcept {
    try {
        action();
    } catch (...) {
        fail(std::current_exception());
    }
}

void Stream::encode(FrameList& frame, SpentFrames& spent) {
    {
        const std::lock_guard lock(mutex_);
        if (failure_) return;
    }
    const FrameView view = frame.front().view;
    if (!encoder_) {
        EncoderConfig config = config_.encoder;
        config.global_header = Muxer::wants_global_header(config_.file.muxer);
        encoder_.emplace(config, view.width, view.height, choose_encoder_threads(view.width, view.height));
        FileConfig file = config_.file;
        const AVCodecContext& context = encoder_->context();
        if (context.width != view.width || context.height != view.height) {
            // Padded to an even size: only here can be seen where the picture ends.
            file.metadata.emplace_back("frame_size", std::to_string(view.width) + "x" + std::to_string(view.height));
        }
        file_.emplace(std::move(file), context);
    }
    encoder_->load(view);
    release(frame, spent);
    encoder_->encode([this](AVPacket& packet) { file_->write(packet); });
    const std::lock_guard lock(mutex_);
    ++stats_.num_encoded;
    stats_.num_bytes = file_->num_bytes();
}

void Stream::release(FrameList& frame, SpentFrames& spent) {
    {
        const std::lock_guard lock(mutex_);
        --stats_.num_pending;
        stats_.pending_bytes -= frame.front().num_bytes;
        if (frame.front().owner == nullptr) {
            // Never grows beyond what was queued at once; losing a buffer to a failed push_back would do no harm.
            free_buffers_.push_back(std::move(frame.front().copy));
        }
    }
    changed_.notify_all();
    if (frame.front().owner != nullptr) {
        spent.add(frame);
    } else {
        frame.clear();
    }
}

void Stream::complete() noexcept {
    bool file_is_sound = false;
    {
        const std::lock_guard lock(mutex_);
        file_is_sound = file_.has_value() && (!failure_ || failure_->kind != ErrorKind::output);
    }
    if (file_is_sound) {
        attempt([this] { encoder_->flush([this](AVPacket& packet) { file_->write(packet); }); });
        attempt([this] { file_->finish(); });
    }
    const std::lock_guard lock(mutex_);
    StreamResult result{config_.file.path, stats_.num_encoded, 0, width_, height_};
    if (file_) {
        result.path = file_->path();
        result.num_bytes = file_->num_bytes();
        bytes_ = file_->take_bytes();
    }
    stats_.num_bytes = result.num_bytes;
    result_ = std::move(result);
    file_.reset();
    encoder_.reset();
    free_buffers_.clear();
    is_scheduled_ = false;
    state_ = State::done;
    changed_.notify_all();
}

void Stream::fail(const std::exception_ptr& reason) noexcept {
    ErrorInfo info;  // Stays empty where there is not even memory for words.
    try {
        info = describe(reason);
        if (info.filename.empty()) info.filename = (file_ ? file_->path() : config_.file.path).string();
    } catch (const std::exception&) {
        info.code = ENOMEM;
    }
    {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::move(info);
    }
    changed_.notify_all();
}

}  // namespace gymreel

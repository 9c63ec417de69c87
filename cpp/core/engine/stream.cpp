// What Stream does for its callers. The worker's side is in stream_worker.cpp.

#include "core/engine/stream.hpp"

#include "core/pixels/frame_pixels.hpp"

#include <memory>
#include <string>
#include <utility>

namespace gymreel {
namespace {

void fill_with_copy(FrameList& frame, const FramePixels& pixels, std::size_t num_bytes) {
    if (frame.empty()) frame.emplace_back();
    FrameBuffer& buffer = frame.front().copy;
    if (buffer.capacity < num_bytes) buffer = {std::unique_ptr<std::uint8_t[]>(new std::uint8_t[num_bytes]), num_bytes};
    frame.front().pixels = pack_frame(pixels, buffer.data.get());
    frame.front().num_bytes = num_bytes;
}

std::string size_text(FrameSize size) { return std::to_string(size.height) + " x " + std::to_string(size.width); }

}  // namespace

int Stream::scale_of(FrameSize size) const noexcept {
    return config_.encoder.scale > 0 ? config_.encoder.scale : auto_scale(size);
}

void Stream::check_writable(FrameSize size) const {
    if (failure_) throw Error(*failure_);
    if (state_ != State::open) throw Error(ErrorKind::closed, "write", "the writer is closed");
    if (width_ != 0 && (size.width != width_ || size.height != height_)) {
        throw Error(ErrorKind::frame_shape, "write",
                    "frame is " + size_text(size) + " (height x width), but the first frame was " +
                        size_text({width_, height_}) + "; a video has one size: start another writer for the new one");
    }
    const int scale = scale_of(size);
    const int largest = largest_side / scale;
    if (scale > 1 && (size.width > largest || size.height > largest)) {
        throw Error(ErrorKind::frame_shape, "write",
                    "frame is " + size_text(size) + " (height x width), and with scale=" + std::to_string(scale) +
                        " it may have at most " + size_text({largest, largest}));
    }
}

bool Stream::has_own_room(std::size_t num_bytes) const {
    // A frame that is larger than the limit may wait if it is the only one.
    return stats_.num_pending == 0 || stats_.pending_bytes + num_bytes <= config_.max_pending_bytes;
}

bool Stream::reserve(std::size_t num_bytes) {
    if (!has_own_room(num_bytes) || !budget_.reserve(num_bytes, stats_.num_pending == 0)) return false;
    ++stats_.num_pending;
    stats_.pending_bytes += num_bytes;
    return true;
}

void Stream::give_back(std::size_t num_bytes) noexcept {
    {
        const std::lock_guard lock(mutex_);
        --stats_.num_pending;
        stats_.pending_bytes -= num_bytes;
    }
    budget_.release(num_bytes);
    changed_.notify_all();
}

Stream::Enqueued Stream::push(FrameList& frame, FrameSize size) {
    const PendingFrame& added = frame.front();
    width_ = size.width;
    height_ = size.height;
    ++stats_.num_written;
    ++(added.owner != nullptr ? stats_.num_borrowed : stats_.num_copied);
    queue_.splice(queue_.end(), frame);
    return std::exchange(is_scheduled_, true) ? Enqueued::waiting : Enqueued::schedule;
}

Stream::Enqueued Stream::enqueue(const FramePixels& pixels, OwnerToken owner) {
    const FrameSize size = size_of(pixels);
    const std::size_t num_bytes = packed_size(pixels);
    FrameList frame;
    frame.push_back(PendingFrame{pixels, owner, {}, num_bytes, {}});
    if (config_.check_borrowed) frame.front().checksum = checksum(pixels);
    const std::lock_guard lock(mutex_);
    check_writable(size);
    return reserve(num_bytes) ? push(frame, size) : Enqueued::full;
}

Stream::Enqueued Stream::enqueue_copy(const FramePixels& pixels) {
    const FrameSize size = size_of(pixels);
    const std::size_t num_bytes = copied_size(pixels);
    FrameList frame;
    {
        const std::lock_guard lock(mutex_);
        check_writable(size);
        if (!reserve(num_bytes)) return Enqueued::full;
        if (!free_frames_.empty()) frame.splice(frame.begin(), free_frames_, free_frames_.begin());
    }
    try {
        fill_with_copy(frame, pixels, num_bytes);
        const std::lock_guard lock(mutex_);
        check_writable(size);  // Another thread may have closed the stream meanwhile.
        return push(frame, size);
    } catch (...) {
        give_back(num_bytes);
        throw;
    }
}

void Stream::count_dropped() {
    const std::lock_guard lock(mutex_);
    ++stats_.num_dropped;
}

bool Stream::wait_for_room(std::size_t num_bytes, std::chrono::milliseconds timeout) {
    {
        std::unique_lock lock(mutex_);
        const auto is_refused = [&] { return failure_ || state_ != State::open; };
        // The only frame of a stream is taken whatever the limits are.
        if (is_refused() || stats_.num_pending == 0) return true;
        if (!has_own_room(num_bytes)) {
            return changed_.wait_for(lock, timeout, [&] { return has_own_room(num_bytes) || is_refused(); });
        }
    }
    return budget_.wait_for_change(num_bytes, timeout);
}

void Stream::add_metadata(const Metadata& entries) {
    const std::lock_guard lock(mutex_);
    if (state_ != State::open && !failure_) throw Error(ErrorKind::closed, "add_metadata", "the writer is closed");
    late_metadata_.insert(late_metadata_.end(), entries.begin(), entries.end());
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
    std::optional<ErrorInfo> failure = failure_;
    // The file may have got its final name since the failure.
    if (failure && result_ && !result_->path.empty()) failure->filename = result_->path.string();
    return failure;
}

std::optional<StreamResult> Stream::result() const {
    const std::lock_guard lock(mutex_);
    std::optional<StreamResult> result = result_;
    // A recording that is completed later may replace this one's file at any time.
    if (result) result->is_superseded = claim_.is_superseded(result->path);
    return result;
}

std::vector<std::uint8_t> Stream::take_bytes() {
    const std::lock_guard lock(mutex_);
    return state_ == State::done ? std::move(bytes_) : std::vector<std::uint8_t>();
}

}  // namespace gymreel

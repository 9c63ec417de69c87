#include "core/engine/engine.hpp"

#include "core/ffmpeg/codec_opening.hpp"
#include "core/pixels/frame_pixels.hpp"
#include "core/system/cpus.hpp"
#include "core/system/signals_blocked.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <new>
#include <utility>

#ifndef _WIN32
#include <pthread.h>
#endif

namespace gymreel {
namespace {

std::atomic<Engine*> current{nullptr};
std::atomic<const Engine*> before_fork{nullptr};  // In a forked child: the parent's engine, for its settings.
std::atomic<unsigned> fork_generation{0};
std::mutex making_instance;

// A frame of this size or more wakes a worker, because its memory comes from the system and should go back to it soon.
constexpr std::size_t large_frame_bytes = std::size_t{256} << 10;

// The watcher checks the line at this interval, and stops watching if nothing has come for this time.
constexpr std::chrono::milliseconds look_interval{2};
constexpr std::chrono::milliseconds watch_time{200};

// While streams rest, idle workers wait no longer than this, because a worker that puts a stream to rest with an
// earlier time may not wake them.
constexpr std::chrono::milliseconds rest_interval{250};

}  // namespace

Engine& Engine::instance() {
    if (Engine* const engine = current.load(std::memory_order_acquire)) return *engine;
    const std::lock_guard lock(making_instance);
    if (current.load(std::memory_order_relaxed) == nullptr) {
        const Engine* const parent = before_fork.load(std::memory_order_relaxed);
        if (parent == nullptr) guard_forks();
        // Never deleted; see the declaration.
        auto made = std::unique_ptr<Engine>(new Engine(parent == nullptr ? Settings{} : parent->settings_));
        current.store(made.release(), std::memory_order_release);
    }
    return *current.load(std::memory_order_relaxed);
}

void Engine::wait_before_fork() { const std::lock_guard lock(codec_opening()); }

/// Make fork() take the locks that must not be locked in the child. The handlers of the C library run within fork(), so
/// no other thread, in particular none that waits for the GIL, has to run for the locks to be released.
void Engine::guard_forks() {
#ifndef _WIN32
    static bool is_guarded = false;
    if (std::exchange(is_guarded, true)) return;
    const auto lock = [] {
        making_instance.lock();
        codec_opening().lock();
    };
    const auto unlock = [] {
        codec_opening().unlock();
        making_instance.unlock();
    };
    const auto unlock_in_child = [] {
        codec_opening().unlock();
        making_instance.unlock();
        start_over_after_fork();
    };
    if (pthread_atfork(lock, unlock, unlock_in_child) != 0) throw std::bad_alloc();
#endif
}

void Engine::start_over_after_fork() noexcept {
    fork_generation.fetch_add(1);
    // The parent's engine cannot be used: a thread that does not exist here may hold its lock. A new engine is made
    // when it is needed.
    if (const Engine* const parent = current.exchange(nullptr)) before_fork.store(parent);
    TargetClaim::start_over_after_fork();
}

unsigned Engine::generation() noexcept { return fork_generation.load(std::memory_order_relaxed); }

Engine::Engine(Settings settings)
    : settings_(settings),
      affinity_(CpuAffinity::of_current_thread()),
      usable_cpus_(count_usable_cpus(affinity_)),
      budget_(settings.max_pending_bytes) {}

std::shared_ptr<Stream> Engine::open(StreamConfig config) {
    auto stream = std::make_shared<Stream>(std::move(config), budget_);
    const std::lock_guard lock(mutex_);
    streams_.erase(std::remove_if(streams_.begin(), streams_.end(), [](const auto& known) { return known.expired(); }),
                   streams_.end());
    streams_.push_back(stream);
    return stream;
}

bool Engine::write(const std::shared_ptr<Stream>& stream, const FramePixels& pixels, OwnerToken owner) {
    const Stream::Enqueued outcome = stream->enqueue(pixels, owner);
    if (outcome == Stream::Enqueued::schedule) schedule(stream, packed_size(pixels) >= large_frame_bytes);
    return outcome != Stream::Enqueued::full;
}

bool Engine::write_copy(const std::shared_ptr<Stream>& stream, const FramePixels& pixels) {
    const Stream::Enqueued outcome = stream->enqueue_copy(pixels);
    if (outcome == Stream::Enqueued::schedule) schedule(stream, false);
    return outcome != Stream::Enqueued::full;
}

void Engine::finish(const std::shared_ptr<Stream>& stream) {
    if (stream->finish()) schedule(stream, true);
}

std::vector<std::shared_ptr<Stream>> Engine::finish_all() {
    std::vector<std::shared_ptr<Stream>> streams;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& known : streams_) {
            if (auto stream = known.lock()) streams.push_back(std::move(stream));
        }
    }
    for (const auto& stream : streams) finish(stream);
    return streams;
}

void Engine::stop_workers() {
    std::list<std::thread> workers;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        workers.splice(workers.end(), workers_);
    }
    work_to_do_.notify_all();
    for (std::thread& worker : workers) worker.join();
    completers_.stop();  // After the workers, which hand their last streams over to them.
    std::unique_lock lock(mutex_);
    is_stopping_ = false;
    serve_line(lock);  // A stream may have come after the last worker had ended.
}

void Engine::set_num_threads(int num_threads) {
    std::unique_lock lock(mutex_);
    settings_.num_threads = num_threads;
    replace_workers(lock);
}

int Engine::num_threads() {
    const std::lock_guard lock(mutex_);
    return thread_limit();
}

void Engine::set_priority(ThreadPriority priority) {
    std::unique_lock lock(mutex_);
    settings_.priority = priority;
    replace_workers(lock);
}

ThreadPriority Engine::priority() {
    const std::lock_guard lock(mutex_);
    return settings_.priority;
}

void Engine::set_max_pending_bytes(std::size_t num_bytes) {
    const std::lock_guard lock(mutex_);
    settings_.max_pending_bytes = num_bytes;
    budget_.set_limit(num_bytes);
}

std::size_t Engine::max_pending_bytes() { return budget_.limit(); }

void Engine::replace_workers(std::unique_lock<std::mutex>& lock) {
    ++epoch_;
    // Workers of an earlier epoch are not counted any more, because they take nothing from the line when they wake up.
    num_idle_ = 0;
    num_asleep_ = 0;
    has_watcher_ = false;
    // They end after their slice, and nothing waits for that.
    for (std::thread& worker : workers_) worker.detach();
    workers_.clear();
    completers_.replace_threads();
    work_to_do_.notify_all();
    serve_line(lock);
}

void Engine::schedule(const std::shared_ptr<Stream>& stream, bool at_once) {
    std::unique_lock lock(mutex_);
    resting_.remove(*stream);
    line_.push_back(stream);
    if (has_watcher_ && !at_once) return;
    serve_line(lock);
}

/// Make sure that a worker takes care of the line. If none can be started, all streams in the line fail; the lock is
/// released meanwhile.
void Engine::serve_line(std::unique_lock<std::mutex>& lock) noexcept {
    if (provide_worker()) return;
    StreamLine unserved(std::move(line_));
    lock.unlock();
    while (const std::shared_ptr<Stream> stream = unserved.pop_front()) stream->give_up(spent_);
}

bool Engine::provide_worker() noexcept {
    if (is_stopping_) return true;  // Before they stop, workers empty the line.
    if (line_.empty() && resting_.empty()) return true;
    if (num_idle_ > 0 && !line_.empty()) work_to_do_.notify_one();
    // Idle workers may already have been woken for the streams before the last one. Resting streams need one idle
    // worker, which waits for their times.
    const int num_wanted = std::max(line_.size(), resting_.empty() ? 0 : 1);
    if (num_idle_ < num_wanted && static_cast<int>(workers_.size()) < thread_limit()) {
        [[maybe_unused]] const SignalsBlocked no_signals;
        try {
            workers_.emplace_back([this, epoch = epoch_] { work(epoch); });
        } catch (const std::exception&) {  // Other workers do the work, only later.
        }
    }
    return num_idle_ > 0 || !workers_.empty();  // A worker checks the line again before it ends.
}

void Engine::work(unsigned epoch) noexcept {
    std::unique_lock lock(mutex_);
    affinity_.apply_to_current_thread();
    set_current_thread_priority(settings_.priority);
    while (wait_for_work(lock, epoch)) {
        std::shared_ptr<Stream> stream = line_.pop_front();
        provide_worker();  // For the other streams in the line.
        const SliceContext context{spent_, num_encoders_, thread_limit()};
        lock.unlock();
        const Stream::Left left = stream->run_slice(context);
        lock.lock();
        put_back(std::move(stream), left, lock);
    }
    serve_line(lock);  // This worker may have been woken for a stream that it does not take.
}

/// Put a stream to where it belongs after a slice. The lock may be released meanwhile.
void Engine::put_back(std::shared_ptr<Stream> stream, Stream::Left left, std::unique_lock<std::mutex>& lock) noexcept {
    switch (left) {
        case Stream::Left::some: line_.push_back(std::move(stream)); break;
        // A finished stream continues at once, so that its file is complete and its encoder closed soon. What is left
        // of it is limited, so the others get their turns.
        case Stream::Left::last: line_.push_front(std::move(stream)); break;
        case Stream::Left::nothing:
            if (const auto due = stream->rests_until()) {
                resting_.add(std::move(stream), *due);
                if (num_asleep_ > 0) work_to_do_.notify_one();  // It waits without a time limit.
            }
            break;
        case Stream::Left::completion: {
            const Completers::Settings settings{thread_limit(), settings_.priority, affinity_};
            lock.unlock();
            if (!completers_.hand_over(stream, settings)) stream->complete();
            lock.lock();
            break;
        }
    }
    if (stream == nullptr) return;
    // This may free the stream, which takes too long for holding the lock.
    lock.unlock();
    stream.reset();
    lock.lock();
}

void Engine::line_up_due_streams() noexcept {
    if (resting_.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    while (!resting_.empty() && resting_.first_due() <= now) {
        std::shared_ptr<Stream> stream = resting_.pop_first();
        // Otherwise a frame has just come, and the thread that wrote it is about to put the stream into the line.
        if (stream->end_rest()) line_.push_back(std::move(stream));
    }
}

bool Engine::wait_for_work(std::unique_lock<std::mutex>& lock, unsigned epoch) {
    using Clock = std::chrono::steady_clock;
    const auto is_awaited = [&] {
        line_up_due_streams();
        return !line_.empty() || is_over(epoch);
    };
    if (epoch != epoch_) return false;
    ++num_idle_;
    if (!has_watcher_) {
        has_watcher_ = true;
        const auto end = Clock::now() + watch_time;
        while (!is_awaited() && Clock::now() < end) work_to_do_.wait_for(lock, look_interval);
        if (epoch != epoch_) return false;
        has_watcher_ = false;
    }
    while (!is_awaited()) {
        if (resting_.empty() && num_encoders_ == 0) {
            ++num_asleep_;
            work_to_do_.wait(lock);
            if (epoch == epoch_) --num_asleep_;
        } else {
            const auto latest = Clock::now() + rest_interval;
            work_to_do_.wait_until(lock, resting_.empty() ? latest : std::min(latest, resting_.first_due()));
        }
    }
    if (epoch != epoch_) return false;  // Workers of an earlier epoch leave the line to their successors.
    --num_idle_;
    return !line_.empty();  // When stopping, the line is worked off first.
}

}  // namespace gymreel

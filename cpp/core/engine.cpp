#include "engine.hpp"

#include "cpus.hpp"

#include <algorithm>
#include <atomic>
#include <system_error>

#ifndef _WIN32
#include <pthread.h>
#include <csignal>
#endif

namespace gymreel {
namespace {

std::atomic<Engine*> current{nullptr};
std::atomic<unsigned> fork_generation{0};
std::mutex making_instance;

/// While it lives, threads that start inherit a mask without signals: those are for the program's own threads.
class SignalsBlocked {
public:
#ifndef _WIN32
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
#endif
};

}  // namespace

Engine& Engine::instance() {
    if (Engine* const engine = current.load(std::memory_order_acquire)) return *engine;
    const std::lock_guard lock(making_instance);
    if (current.load(std::memory_order_relaxed) == nullptr) {
        // Leaked on purpose: see the declaration.
        current.store(std::unique_ptr<Engine>(new Engine).release(), std::memory_order_release);
    }
    return *current.load(std::memory_order_relaxed);
}

void Engine::start_over_after_fork() {
    fork_generation.fetch_add(1);
    current.store(std::unique_ptr<Engine>(new Engine).release(), std::memory_order_release);
}

unsigned Engine::generation() noexcept { return fork_generation.load(std::memory_order_relaxed); }

std::shared_ptr<Stream> Engine::open(StreamConfig config) {
    auto stream = std::make_shared<Stream>(std::move(config));
    const std::lock_guard lock(mutex_);
    streams_.erase(std::remove_if(streams_.begin(), streams_.end(), [](const auto& known) { return known.expired(); }),
                   streams_.end());
    streams_.push_back(stream);
    return stream;
}

bool Engine::write(const std::shared_ptr<Stream>& stream, const FrameView& view, OwnerToken owner) {
    const Stream::Enqueued outcome = stream->enqueue(view, owner);
    if (outcome == Stream::Enqueued::schedule) schedule(stream);
    return outcome != Stream::Enqueued::full;
}

bool Engine::write_copy(const std::shared_ptr<Stream>& stream, const FrameView& view) {
    const Stream::Enqueued outcome = stream->enqueue_copy(view);
    if (outcome == Stream::Enqueued::schedule) schedule(stream);
    return outcome != Stream::Enqueued::full;
}

void Engine::finish(const std::shared_ptr<Stream>& stream) {
    if (stream->finish()) schedule(stream);
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
    std::vector<std::thread> workers;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        workers.swap(workers_);
    }
    work_to_do_.notify_all();
    for (std::thread& worker : workers) worker.join();
    const std::lock_guard lock(mutex_);
    is_stopping_ = false;
}

void Engine::schedule(std::shared_ptr<Stream> stream) {
    const std::lock_guard lock(mutex_);
    line_.push_back(std::move(stream));
    if (num_idle_ > 0) {
        work_to_do_.notify_one();
    } else if (static_cast<int>(workers_.size()) < usable_cpus()) {
        start_worker();
    }
}

void Engine::start_worker() {
    const SignalsBlocked no_signals;
    try {
        workers_.emplace_back([this] { work(); });
    } catch (const std::system_error& error) {
        // With a worker left the work gets done, only later.
        if (workers_.empty()) throw Error(ErrorKind::encode, "start a worker thread", error.what());
    }
}

void Engine::work() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++num_idle_;
        work_to_do_.wait(lock, [this] { return !line_.empty() || is_stopping_; });
        --num_idle_;
        if (line_.empty()) return;
        std::shared_ptr<Stream> stream = std::move(line_.front());
        line_.pop_front();
        lock.unlock();
        const bool has_more = stream->run_slice(spent_);
        lock.lock();
        if (has_more) line_.push_back(std::move(stream));
        stream.reset();
    }
}

}  // namespace gymreel

#include "core/engine/completers.hpp"

#include "core/system/signals_blocked.hpp"

#include <exception>
#include <utility>

namespace gymreel {

bool Completers::hand_over(std::shared_ptr<Stream>& stream, const Settings& settings) noexcept {
    const std::lock_guard lock(mutex_);
    constexpr int longest_line = 64;  // A bound for the number of open files.
    if (is_stopping_ || line_.size() >= longest_line) return false;
    if (num_idle_ <= line_.size() && static_cast<int>(threads_.size()) < settings.max_threads) start_thread(settings);
    if (threads_.empty()) return false;
    line_.push_back(std::move(stream));
    changed_.notify_one();
    return true;
}

void Completers::start_thread(const Settings& settings) noexcept {
    [[maybe_unused]] const SignalsBlocked no_signals;
    try {
        threads_.emplace_back([this, epoch = epoch_, settings] { work(epoch, settings); });
    } catch (const std::exception&) {  // The other threads do its work.
    }
}

void Completers::work(unsigned epoch, const Settings& settings) noexcept {
    settings.affinity.apply_to_current_thread();
    set_current_thread_priority(settings.priority);
    std::unique_lock lock(mutex_);
    for (;;) {
        ++num_idle_;
        changed_.wait(lock, [&] { return !line_.empty() || is_stopping_ || epoch != epoch_; });
        --num_idle_;
        std::shared_ptr<Stream> stream = line_.pop_front();
        if (stream == nullptr) return;
        lock.unlock();
        stream->complete();
        stream.reset();  // This may free the stream, which takes too long for holding the lock.
        lock.lock();
    }
}

void Completers::replace_threads() noexcept {
    const std::lock_guard lock(mutex_);
    ++epoch_;
    for (std::thread& thread : threads_) thread.detach();
    threads_.clear();
    changed_.notify_all();
}

void Completers::stop() noexcept {
    std::list<std::thread> threads;
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        threads.splice(threads.end(), threads_);
    }
    changed_.notify_all();
    for (std::thread& thread : threads) thread.join();
    const std::lock_guard lock(mutex_);
    is_stopping_ = false;
}

}  // namespace gymreel

#pragma once

#include "stream.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace gymreel {

/// One pool of worker threads for the whole process. Streams that have something to do wait in line; a worker takes the
/// first, works on it for a slice of time and puts it back at the end, so each stream's frames stay in order and no
/// stream starves another.
///
/// Ownership: keeps every stream with unfinished work alive.
/// Thread: any. Workers start with the work, at most one for each CPU this process may use, and never touch Python.
class Engine {
public:
    /// The process's engine. It is never destroyed: threads must not outlive what they use.
    static Engine& instance();

    /// In a forked child: starts over with an engine without threads or streams. The parent's streams must not be
    /// touched there; generation() tells them apart.
    static void start_over_after_fork();

    /// Changes with every fork.
    static unsigned generation() noexcept;

    std::shared_ptr<Stream> open(StreamConfig config);

    /// Errors: as Stream::enqueue. False where there was no room; the token then stays with the caller.
    bool write(const std::shared_ptr<Stream>& stream, const FrameView& view, OwnerToken owner);
    bool write_copy(const std::shared_ptr<Stream>& stream, const FrameView& view);

    void finish(const std::shared_ptr<Stream>& stream);

    /// The borrowed frames that are no longer needed, for the caller to let go of.
    FrameList take_spent() noexcept { return spent_.take(); }

    /// Finishes every stream. They complete in the background: the caller waits for the ones returned.
    std::vector<std::shared_ptr<Stream>> finish_all();

    /// Ends the workers once the line is empty. Later work starts new ones.
    void stop_workers();

private:
    Engine() = default;
    void schedule(std::shared_ptr<Stream> stream);
    void start_worker();
    void work() noexcept;

    std::mutex mutex_;
    std::condition_variable work_to_do_;
    std::deque<std::shared_ptr<Stream>> line_;
    std::vector<std::weak_ptr<Stream>> streams_;
    std::vector<std::thread> workers_;
    std::size_t num_idle_ = 0;
    bool is_stopping_ = false;
    SpentFrames spent_;
};

}  // namespace gymreel

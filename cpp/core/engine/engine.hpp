#pragma once

#include "core/engine/completers.hpp"
#include "core/engine/memory_budget.hpp"
#include "core/engine/resting_streams.hpp"
#include "core/engine/stream.hpp"
#include "core/engine/stream_line.hpp"
#include "core/system/cpus.hpp"
#include "core/system/thread_priority.hpp"

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace gymreel {

/// The process's pool of worker threads, and the queue of streams that they work on.
///
/// A stream with queued frames waits in the *line*. A *worker* takes the first stream, works on it for a *slice* of
/// time and puts it back at the end of the line. So the frames of a stream stay in order, and no stream starves
/// another. Files are completed by other threads, the *completers*, because that mostly waits for the disk.
///
/// A stream whose queue is empty but whose encoder or fragment holds frames back *rests* until the time at which a kill
/// would lose too many of them. Idle workers wait until the earliest of these times and then work on that stream.
///
///     write() ──▶ queue ──▶ line ──▶ worker: a slice ──┬─▶ line        more is queued (behind the others)
///                  ▲         ▲                         ├─▶ resting     nothing is queued, something is held back
///                  │         └──── its time has come ──┼───┘
///                  └────────────── the next write() ◀──┼─▶ (nowhere)   nothing is queued, nothing is held back
///     finish() ─────────────▶ line ──▶ last slices ────┴─▶ completer   the file gets its name; the stream is done
///
/// Waking a thread is a system call, which takes the writing thread longer than everything else that a write does. So
/// while small frames keep coming, one idle worker, the *watcher*, checks the line every few milliseconds, and write()
/// wakes no thread. A large frame wakes one, because its memory should be returned soon.
///
/// Ownership: keeps every stream with unfinished work alive.
/// Thread: any. Workers are started when there is work, and never touch Python.
/// Errors: those of each method.
class Engine {
public:
    /// Return the process's engine. It is never destroyed, because its threads may run until the process ends. From the
    /// first call on, fork() waits until no codec is being opened.
    ///
    /// Errors: std::bad_alloc.
    static Engine& instance();

    /// Wait until no codec is being opened. fork() waits for that as well, in a handler of the C library. A caller that
    /// holds a lock which other threads need, such as the GIL, releases it and waits here before it forks.
    static void wait_before_fork();

    /// Return a number that changes with every fork. A forked child gets a new engine with the same settings, without
    /// threads and streams. It must not use the streams of its parent, which this number tells apart.
    static unsigned generation() noexcept;

    std::shared_ptr<Stream> open(StreamConfig config);

    /// Queue a frame or a copy of it. Return false if there is no room, in which case the token stays with the caller.
    ///
    /// Errors: those of Stream::enqueue() and Stream::enqueue_copy().
    bool write(const std::shared_ptr<Stream>& stream, const FramePixels& pixels, OwnerToken owner);
    bool write_copy(const std::shared_ptr<Stream>& stream, const FramePixels& pixels);

    void finish(const std::shared_ptr<Stream>& stream);

    /// Return the borrowed frames that are no longer needed. The caller releases their tokens.
    FrameList take_spent() noexcept { return spent_.take(); }

    /// Set the function that asks for take_spent() to be called while nothing is written; see SpentFrames.
    void set_ask_for_spent(SpentFrames::Ask ask) noexcept { spent_.set_ask(ask); }

    /// Finish every stream and return them. They are completed in the background.
    std::vector<std::shared_ptr<Stream>> finish_all();

    /// Wait until the line is empty and the workers have ended, except for workers that a change of settings has
    /// replaced and that are finishing their slice. Later work starts new workers.
    void stop_workers();

    // Settings. Running workers are replaced after their slice. Open encoders keep their number of threads.

    /// Set the largest number of workers, which is also the number of threads that encoders share. 0 stands for the
    /// number of usable CPUs.
    void set_num_threads(int num_threads);
    int num_threads();

    void set_priority(ThreadPriority priority);
    ThreadPriority priority();

    /// Set the limit for the memory of the waiting frames of all streams together.
    void set_max_pending_bytes(std::size_t num_bytes);
    std::size_t max_pending_bytes();

    /// Return the number of CPUs that this process may use: those of its affinity, limited by its control group's
    /// quota.
    int num_usable_cpus() const noexcept { return usable_cpus_; }

private:
    struct Settings {
        int num_threads = 0;
        ThreadPriority priority = ThreadPriority::background;
        std::size_t max_pending_bytes = default_pending_bytes();
    };

    explicit Engine(Settings settings);
    static void guard_forks();
    static void start_over_after_fork() noexcept;
    void schedule(const std::shared_ptr<Stream>& stream, bool at_once);
    void serve_line(std::unique_lock<std::mutex>& lock) noexcept;
    bool provide_worker() noexcept;
    void replace_workers(std::unique_lock<std::mutex>& lock);
    void work(unsigned epoch) noexcept;
    bool wait_for_work(std::unique_lock<std::mutex>& lock, unsigned epoch);
    void line_up_due_streams() noexcept;
    void put_back(std::shared_ptr<Stream> stream, Stream::Left left, std::unique_lock<std::mutex>& lock) noexcept;
    bool is_over(unsigned epoch) const noexcept { return is_stopping_ || epoch != epoch_; }
    int thread_limit() const noexcept { return settings_.num_threads > 0 ? settings_.num_threads : usable_cpus_; }

    std::mutex mutex_;
    std::condition_variable work_to_do_;
    StreamLine line_;
    RestingStreams resting_;  // None of them is in the line.
    std::vector<std::weak_ptr<Stream>> streams_;
    std::atomic<int> num_encoders_{0};
    std::list<std::thread> workers_;
    Completers completers_;
    int num_idle_ = 0;
    int num_asleep_ = 0;  // Of the idle workers, those that wait without a time limit.
    bool has_watcher_ = false;
    bool is_stopping_ = false;
    unsigned epoch_ = 0;  // Changes with the settings. Workers of an earlier epoch end.
    Settings settings_;
    CpuAffinity
        affinity_;  // Of the thread that made the engine: a training loop pinned later does not pin the workers.
    int usable_cpus_;
    MemoryBudget budget_;
    SpentFrames spent_;
};

}  // namespace gymreel

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

/// One pool of worker threads for the whole process. Streams that have something to do wait in line; a worker takes the
/// first, works on it for a slice of time and puts it back at the end, so each stream's frames stay in order and no
/// stream's frames starve another's. Completing a file mostly waits for the disk: other threads, the completers, do it.
///
/// Between two frames a stream rests until the time at which a kill would cost too much of it. The workers that have
/// nothing else to do wait until the first of these times, and then work on that stream as if a frame had come.
///
///     write() ──▶ queue ──▶ line ──▶ worker: a slice ──┬─▶ line        more is queued (behind the others)
///                  ▲         ▲                         ├─▶ resting     nothing is queued, something is held back
///                  │         └──── its time has come ──┼───┘
///                  └────────────── the next write() ◀──┼─▶ (nowhere)   nothing is queued, nothing is held back
///     finish() ─────────────▶ line ──▶ last slices ────┴─▶ completer   the file gets its name; the stream is done
///
/// Waking a thread is a system call that costs the writing thread more than everything else a write does. So while
/// small frames keep coming, one idle worker, the watcher, looks at the line every few milliseconds by itself, and
/// write() wakes nobody. The memory of large frames is wanted back at once: they are worth the call.
///
/// Ownership: keeps every stream with unfinished work alive.
/// Thread: any. Workers start with the work, and never touch Python.
class Engine {
public:
    /// The process's engine. It is never destroyed: threads must not outlive what they use. From the first call on,
    /// fork() waits until no codec is being opened.
    static Engine& instance();

    /// Waits until no codec is being opened. fork() itself waits for that too, by a handler of the C library's; a
    /// caller that holds what others need lets go of it first, and waits here.
    static void wait_before_fork();

    /// Changes with every fork: a forked child starts over with an engine without threads or streams, with the same
    /// settings. The parent's streams must not be touched there; this tells them apart.
    static unsigned generation() noexcept;

    std::shared_ptr<Stream> open(StreamConfig config);

    /// Errors: as Stream::enqueue. False where there was no room; the token then stays with the caller.
    bool write(const std::shared_ptr<Stream>& stream, const FramePixels& pixels, OwnerToken owner);
    bool write_copy(const std::shared_ptr<Stream>& stream, const FramePixels& pixels);

    void finish(const std::shared_ptr<Stream>& stream);

    /// The borrowed frames that are no longer needed, for the caller to let go of.
    FrameList take_spent() noexcept { return spent_.take(); }

    /// Who is asked to take them while nothing is written; see SpentFrames.
    void set_ask_for_spent(SpentFrames::Ask ask) noexcept { spent_.set_ask(ask); }

    /// Finishes every stream. They complete in the background: the caller waits for the ones returned.
    std::vector<std::shared_ptr<Stream>> finish_all();

    /// Ends the workers once the line is empty. Later work starts new ones.
    void stop_workers();

    // Settings. Workers that run already are replaced after their slice; encoders that are open keep what they have.

    /// At most this many workers, and threads for one encoder; 0 for as many as there are usable CPUs.
    void set_num_threads(int num_threads);
    int num_threads();

    void set_priority(ThreadPriority priority);
    ThreadPriority priority();

    /// Memory for the waiting frames of all streams together.
    void set_max_pending_bytes(std::size_t num_bytes);
    std::size_t max_pending_bytes();

    /// CPUs that this process may use: those of its affinity, within the quota of its control group.
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
    RestingStreams resting_;  // None of them stands in the line.
    std::vector<std::weak_ptr<Stream>> streams_;
    std::atomic<int> num_encoders_{0};
    std::list<std::thread> workers_;
    Completers completers_;
    int num_idle_ = 0;
    int num_asleep_ = 0;  // Of the idle ones, those that wait for no time.
    bool has_watcher_ = false;
    bool is_stopping_ = false;
    unsigned epoch_ = 0;  // Changes with the settings; workers of an earlier one leave.
    Settings settings_;
    CpuAffinity
        affinity_;  // Of the thread that made the engine: a training loop pinned later does not pin the workers.
    int usable_cpus_;
    MemoryBudget budget_;
    SpentFrames spent_;
};

}  // namespace gymreel

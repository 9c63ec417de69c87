#pragma once

#include "core/engine/stream_line.hpp"
#include "core/system/cpus.hpp"
#include "core/system/thread_priority.hpp"

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace gymreel {

/// Threads that complete files. Completing mostly waits for the disk, for seconds if it is slow, and must not keep the
/// workers from encoding. There are at most as many completers as workers. Further streams wait in a line, each with
/// nothing but an open file.
///
/// Ownership: keeps the streams in its line alive. It is never destroyed, like the engine that it belongs to.
/// Thread: any.
/// Errors: none.
class Completers {
public:
    struct Settings {
        int max_threads = 1;
        ThreadPriority priority = ThreadPriority::background;
        CpuAffinity affinity;
    };

    /// Take over a stream whose frames are all encoded. Return false, and leave the stream with the caller, if no
    /// thread can be started for it or 64 streams are waiting.
    bool hand_over(std::shared_ptr<Stream>& stream, const Settings& settings) noexcept;

    /// Let the present threads end once the line is empty. Later work starts others with the settings of that time.
    void replace_threads() noexcept;

    /// Wait until the line is empty and the threads have ended. Meanwhile hand_over() returns false.
    void stop() noexcept;

private:
    void start_thread(const Settings& settings) noexcept;
    void work(unsigned epoch, const Settings& settings) noexcept;

    std::mutex mutex_;
    std::condition_variable changed_;
    StreamLine line_;
    std::list<std::thread> threads_;
    int num_idle_ = 0;
    bool is_stopping_ = false;
    unsigned epoch_ = 0;  // Threads of an earlier epoch end.
};

}  // namespace gymreel

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

/// Threads that complete files. That is mostly waiting for the disk, which may take seconds: the workers, which encode,
/// have better things to do. There are at most as many as workers; streams beyond that wait in line, with nothing but
/// an open file each.
///
/// Ownership: keeps the streams in its line alive. Never destroyed with threads: see Engine.
/// Thread: any. Errors: none.
class Completers {
public:
    struct Settings {
        int max_threads = 1;
        ThreadPriority priority = ThreadPriority::background;
        CpuAffinity affinity;
    };

    /// Takes a stream over that only has to be completed. False where there is no thread for it and none can be started,
    /// or 64 streams wait already: then the stream is still the caller's.
    bool hand_over(std::shared_ptr<Stream>& stream, const Settings& settings) noexcept;

    /// Threads that run end once the line is empty; later work starts others, with the settings of that time.
    void replace_threads() noexcept;

    /// Ends the threads once the line is empty. Meanwhile no stream is taken over.
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
    unsigned epoch_ = 0;  // Threads of an earlier one leave.
};

}  // namespace gymreel

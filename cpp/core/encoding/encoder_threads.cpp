#include "core/encoding/encoder_threads.hpp"

#include "core/error.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace gymreel {

int choose_encoder_threads(int width, int height, int num_threads, int num_encoders) noexcept {
    constexpr std::int64_t pixels_per_thread = std::int64_t{640} * 480;
    constexpr std::int64_t most_threads = 16;
    const std::int64_t by_size = static_cast<std::int64_t>(width) * height / pixels_per_thread;
    // One and a half per CPU, as x264 itself chooses, because threads that work on successive frames wait for each
    // other.
    const std::int64_t share = std::int64_t{3} * num_threads / std::max(num_encoders, 1) / 2;
    return static_cast<int>(std::clamp<std::int64_t>(std::min(by_size, share), 1, most_threads));
}

void check_threads_can_start(int num_threads) {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_over = false;
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(num_threads));
    bool can_start = true;
    try {
        while (static_cast<int>(threads.size()) < num_threads) {
            threads.emplace_back([&] {
                std::unique_lock lock(mutex);
                changed.wait(lock, [&] { return is_over; });
            });
        }
    } catch (const std::exception&) {
        can_start = false;
    }
    {
        const std::lock_guard lock(mutex);
        is_over = true;
    }
    changed.notify_all();
    for (std::thread& thread : threads) thread.join();
    if (can_start) return;
    throw Error({ErrorKind::encode,
                 EAGAIN,
                 "open the encoder",
                 "it needs " + std::to_string(num_threads) + " more threads, and the system starts only " +
                     std::to_string(threads.size()) + ": raise the limit of processes, or use another codec",
                 {},
                 {}});
}

}  // namespace gymreel

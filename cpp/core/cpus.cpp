#include "cpus.hpp"

#include <algorithm>
#include <cstdint>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace gymreel {

int usable_cpus() noexcept {
#ifdef __linux__
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int choose_encoder_threads(int width, int height) noexcept {
    constexpr std::int64_t pixels_per_thread = std::int64_t{640} * 480;
    constexpr std::int64_t most_threads = 16;
    const std::int64_t wanted = static_cast<std::int64_t>(width) * height / pixels_per_thread;
    return static_cast<int>(std::clamp<std::int64_t>(std::min<std::int64_t>(wanted, usable_cpus()), 1, most_threads));
}

}  // namespace gymreel

#include "cpus.hpp"

#include <doctest/doctest.h>

#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

using namespace gymreel;

TEST_CASE("cpus: an encoder gets threads by its frames' size, of its share") {
    CHECK(choose_encoder_threads(84, 84, 16, 1) == 1);
    CHECK(choose_encoder_threads(600, 400, 16, 1) == 1);
    CHECK(choose_encoder_threads(1920, 1080, 2, 1) == 3);
    CHECK(choose_encoder_threads(1920, 1080, 16, 1) == 6);
    CHECK(choose_encoder_threads(1920, 1080, 16, 8) == 3);
    CHECK(choose_encoder_threads(1920, 1080, 2, 64) == 1);
    CHECK(choose_encoder_threads(7680, 4320, 256, 1) == 16);
    CHECK(choose_encoder_threads(1920, 1080, 4, 0) == 6);
}

#ifdef __linux__
TEST_CASE("cpus: affinity is counted, and carried to another thread") {
    std::thread([] {
        const CpuAffinity all = CpuAffinity::of_current_thread();
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(sched_getcpu()), &one);
        REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
        CHECK(CpuAffinity::of_current_thread().count() == 1);
        CHECK(count_usable_cpus(CpuAffinity::of_current_thread()) == 1);
        std::thread([&] {
            CHECK(CpuAffinity::of_current_thread().count() == 1);  // Inherited.
            all.apply_to_current_thread();
            CHECK(CpuAffinity::of_current_thread().count() == all.count());
        }).join();
    }).join();
}
#endif

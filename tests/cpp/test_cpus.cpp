#include "core/encoding/encoder_threads.hpp"
#include "core/engine/memory_budget.hpp"
#include "core/system/control_group.hpp"
#include "core/system/cpus.hpp"
#include "frames.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

using namespace gymreel;

namespace {

/// A tree of files such as /sys/fs/cgroup.
class Groups {
public:
    explicit Groups(const std::string& membership) { write("membership", membership); }

    Groups& write(const std::string& name, const std::string& text) {
        const auto path = folder_ / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text << "\n";
        return *this;
    }

    ControlGroups read() const { return ControlGroups(folder_ / "", folder_ / "membership"); }

private:
    testing::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("control groups: the tightest limit around the process counts, in both versions") {
    Groups second("0::/outer/inner");
    second.write("outer/inner/cpu.max", "max 100000").write("outer/cpu.max", "150000 100000");
    second.write("outer/inner/memory.max", "max").write("outer/memory.max", "400000000");
    CHECK(second.read().cpu_quota() == 1.5);
    CHECK(second.read().memory_limit() == 400000000);
    CHECK(default_pending_bytes(second.read()) == 100000000);

    Groups first("5:cpuset:/\n4:memory:/a/b\n2:cpu,cpuacct:/c\n0::/");
    first.write("cpu/cpu.cfs_quota_us", "-1").write("cpu/cpu.cfs_period_us", "100000");
    first.write("cpu/c/cpu.cfs_quota_us", "50000").write("cpu/c/cpu.cfs_period_us", "100000");
    first.write("memory/memory.limit_in_bytes", "9223372036854771712");
    first.write("memory/a/memory.limit_in_bytes", "300000000").write("memory/a/b/memory.limit_in_bytes", "800000000");
    CHECK(first.read().cpu_quota() == 0.5);
    CHECK(first.read().memory_limit() == 300000000);

    // In a container only the own group can be seen, at the root.
    Groups container("4:memory:/docker/123\n");
    container.write("memory/memory.limit_in_bytes", "200000000");
    CHECK(container.read().memory_limit() == 200000000);
}

TEST_CASE("control groups: odd files set no limit, so that the affinity counts") {
    const CpuAffinity affinity = CpuAffinity::of_current_thread();
    for (const std::string text : {"", "max", "nonsense", "1e999 100000", "-5 100000", "0 100000", "100000", "100000 0",
                                   "nan nan", "1 nonsense"}) {
        CAPTURE(text);
        Groups groups("0::/group");
        groups.write("group/cpu.max", text).write("group/memory.max", text == "100000" ? "" : "nonsense");
        CHECK(count_usable_cpus(affinity, groups.read()) == affinity.count());
        CHECK(groups.read().memory_limit() == ControlGroups::no_limit);
        CHECK(default_pending_bytes(groups.read()) == std::size_t{512} << 20);
    }
    for (const std::string membership : {"", "0", "0:", "0::", "0::nonsense", "::/..", "0::/../../.."}) {
        CHECK(count_usable_cpus(affinity, Groups(membership).read()) == affinity.count());
    }
    CHECK(count_usable_cpus(affinity, ControlGroups("/no/such/folder", "/no/such/file")) == affinity.count());
}

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

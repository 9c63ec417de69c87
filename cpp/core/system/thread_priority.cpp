#include "core/system/thread_priority.hpp"

#if defined(__linux__)
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <pthread.h>
#elif defined(_WIN32)
#include <windows.h>
#endif

namespace gymreel {

void set_current_thread_priority(ThreadPriority priority) noexcept {
    if (priority == ThreadPriority::normal) return;
#if defined(__linux__)
    // A batch thread that wakes up does not preempt the running thread, which here is the one that woke it.
    const sched_param no_parameters{};
    sched_setscheduler(0, SCHED_BATCH, &no_parameters);
    // On Linux a nice value belongs to a thread. On a busy CPU, a thread at 10 gets about a tenth of the time of a
    // thread at 0: encoding slows down before training does, but still progresses.
    constexpr int nice_value = 10;
    const auto thread = static_cast<id_t>(syscall(SYS_gettid));
    if (getpriority(PRIO_PROCESS, thread) < nice_value) setpriority(PRIO_PROCESS, thread, nice_value);
#elif defined(__APPLE__)
    pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
#elif defined(_WIN32)
    SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL);
#endif
}

}  // namespace gymreel

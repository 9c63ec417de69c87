#pragma once

#ifndef _WIN32
#include <pthread.h>
#include <csignal>
#endif

namespace gymreel {

/// A scope in which new threads are started with signals blocked, so that the threads of the program receive them.
/// Signals that report a crash stay unblocked, so that Python's faulthandler notices a crash in a worker.
///
/// Thread: the one that made it. Errors: none.
class SignalsBlocked {
public:
#ifndef _WIN32
    SignalsBlocked() noexcept {
        sigset_t blocked;
        sigfillset(&blocked);
        for (const int crash : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&blocked, crash);
        pthread_sigmask(SIG_SETMASK, &blocked, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
#endif
};

}  // namespace gymreel

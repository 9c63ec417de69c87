#pragma once

#ifndef _WIN32
#include <pthread.h>
#include <csignal>
#endif

namespace gymreel {

/// While it lives, threads that start inherit a mask that blocks signals: those are for the program's own threads. The
/// signals of a crash stay unblocked, so that faulthandler hears of one in a worker.
///
/// Thread: that which it was made on. Errors: none.
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

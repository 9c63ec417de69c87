#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace gymreel {

inline bool is_interpreter_ending() noexcept {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing() != 0;
#else
    return _Py_IsFinalizing() != 0;
#endif
}

/// A scope without the GIL. If the interpreter is ending when the scope ends, the thread sleeps for ever instead of
/// taking the GIL again, as it does in CPython 3.14. Older versions end the thread by unwinding its stack, which would
/// release references without the GIL.
///
/// Thread: one that has the GIL.
/// Errors: none. The exception by which the C library ends a thread may pass through.
class GilReleased {
public:
    GilReleased() : ends_it_(is_interpreter_ending()), state_(PyEval_SaveThread()) {}
    ~GilReleased() noexcept(false) {
        while (is_interpreter_ending() && !ends_it_) std::this_thread::sleep_for(std::chrono::hours(1));
        PyEval_RestoreThread(state_);
    }
    GilReleased(const GilReleased&) = delete;
    GilReleased& operator=(const GilReleased&) = delete;

private:
    bool ends_it_;  // The thread that ends the interpreter keeps on running.
    PyThreadState* state_;
};

}  // namespace gymreel

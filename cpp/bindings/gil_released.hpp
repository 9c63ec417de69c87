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

/// Without the GIL for as long as it lives. A thread that would get it back from an interpreter that is ending stops
/// there for good, as CPython 3.14 does by itself: the older ones end the thread instead, by unwinding a stack that
/// holds references, which must not be let go of without the GIL.
///
/// Thread: one that has the GIL. Errors: none; what ends a thread may pass through.
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
    bool ends_it_;  // Nobody else has the GIL once the interpreter is ending.
    PyThreadState* state_;
};

}  // namespace gymreel

#pragma once

#include "bindings/gil_released.hpp"
#include "bindings/spent_arrays.hpp"

#include <pybind11/pybind11.h>

#include <chrono>

namespace gymreel {

/// How often a call that waits checks whether Ctrl-C was pressed.
constexpr std::chrono::milliseconds signal_interval{50};

/// Calls `wait(signal_interval)` without the GIL until it returns true.
///
/// Thread: one that has the GIL. Errors: py::error_already_set, with what a signal handler raised.
template <typename Wait>
void wait_interruptibly(Wait wait) {
    for (;;) {
        bool is_over = false;
        {
            const GilReleased no_gil;
            is_over = wait(signal_interval);
        }
        release_spent();
        if (is_over) return;
        if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
    }
}

}  // namespace gymreel

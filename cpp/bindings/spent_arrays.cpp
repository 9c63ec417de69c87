#include "bindings/spent_arrays.hpp"

#include "core/engine/engine.hpp"

#include <pybind11/pybind11.h>

namespace gymreel {
namespace {

/// Makes the main thread call release_spent() when it next runs bytecode. Called by workers, without the GIL.
bool ask_main_thread() {
    const auto release = [](void*) {
        release_spent();
        return 0;
    };
    return Py_AddPendingCall(release, nullptr) == 0;
}

}  // namespace

void release_spent() {
    for (const PendingFrame& frame : Engine::instance().take_spent()) Py_DECREF(static_cast<PyObject*>(frame.owner));
}

void let_workers_ask() {
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) Engine::instance().set_ask_for_spent(&ask_main_thread);
}

}  // namespace gymreel

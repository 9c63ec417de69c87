#include "bindings/leaving.hpp"

#include "bindings/gil_released.hpp"
#include "bindings/interruptible_wait.hpp"
#include "bindings/spent_arrays.hpp"
#include "core/engine/engine.hpp"

#include <pybind11/pybind11.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <thread>

namespace gymreel {
namespace {

/// Whether finish_all() was called.
std::atomic<bool> is_leaving{false};

/// Whether abandon_all() was called.
std::atomic<bool> is_abandoned{false};

bool is_left_behind() {
    if (!is_leaving || is_interpreter_ending()) return false;
    return pybind11::module_::import("threading").attr("current_thread")().attr("daemon").cast<bool>();
}

}  // namespace

void finish_all() {
    is_leaving = true;
    Engine::instance().set_ask_for_spent(nullptr);  // The main thread will not run bytecode any more.
    for (const std::shared_ptr<Stream>& stream : Engine::instance().finish_all()) {
        wait_interruptibly([&](auto interval) { return stream->wait_until_done(interval); });
    }
    release_spent();
}

void abandon_all() noexcept { is_abandoned = true; }

void complete_the_rest() noexcept {
    if (is_abandoned) return;
    try {
        for (const std::shared_ptr<Stream>& stream : Engine::instance().finish_all()) {
            while (!stream->wait_until_done(signal_interval)) {
            }
        }
        Engine::instance().stop_workers();
    } catch (const std::exception&) {  // The partial files hold what there is.
    }
}

void stay_after_fork() noexcept {
    is_leaving = false;
    is_abandoned = false;
}

void stop_if_left_behind() {
    if (!is_left_behind()) return;
    const GilReleased no_gil;
    for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace gymreel

#include "bindings/register.hpp"
#include "core/engine/engine.hpp"
#include "core/system/control_group.hpp"

#include <pybind11/stl.h>

#include <cstdint>
#include <optional>

namespace py = pybind11;

namespace gymreel {

void register_engine(py::module_& module) {
    Engine::instance();  // Now, because the engine takes its CPUs from the thread that makes it.
    // These keep the GIL, because no thread waits for anything while it holds the engine's lock.
    module.def(
        "set_num_threads", [](int num_threads) { Engine::instance().set_num_threads(num_threads); },
        py::arg("num_threads"));
    module.def("get_num_threads", [] { return Engine::instance().num_threads(); });
    module.def(
        "set_background_priority",
        [](bool background) {
            Engine::instance().set_priority(background ? ThreadPriority::background : ThreadPriority::normal);
        },
        py::arg("background"));
    module.def("has_background_priority", [] { return Engine::instance().priority() == ThreadPriority::background; });
    module.def(
        "set_max_pending_bytes", [](std::size_t num_bytes) { Engine::instance().set_max_pending_bytes(num_bytes); },
        py::arg("num_bytes"));
    module.def("get_max_pending_bytes", [] { return Engine::instance().max_pending_bytes(); });
    module.def("num_usable_cpus", [] { return Engine::instance().num_usable_cpus(); });
    module.def("memory_limit", [] {
        const std::uint64_t limit = ControlGroups().memory_limit();
        return limit == ControlGroups::no_limit ? std::nullopt : std::optional(limit);
    });
}

}  // namespace gymreel

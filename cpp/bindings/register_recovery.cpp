#include "bindings/gil_released.hpp"
#include "bindings/register.hpp"
#include "core/engine/engine.hpp"
#include "core/file/recovery.hpp"

#include <pybind11/stl/filesystem.h>

namespace py = pybind11;

namespace gymreel {

void register_recovery(py::module_& module) {
    module.def(
        "recover_file",
        [](const std::filesystem::path& partial, const std::filesystem::path& target, const std::string& muxer) {
            Engine::instance();  // This installs the handlers of fork(), because recovery may open a decoder.
            const RecoveredFile recovered = [&] {
                const GilReleased no_gil;
                return recover_file(partial, target, muxer);
            }();
            const py::object damaged = recovered.damaged_path.empty() ? py::none() : py::cast(recovered.damaged_path);
            return py::make_tuple(recovered.num_frames, recovered.num_bytes, recovered.width, recovered.height,
                                  recovered.frames_per_second, damaged, recovered.damage);
        },
        py::arg("partial"), py::arg("target"), py::arg("muxer"));
    // Without the GIL, because the file system may be slow.
    module.def("remove_leftover", &remove_leftover, py::arg("path"), py::call_guard<GilReleased>());
    module.def("is_being_recorded", &is_being_recorded, py::arg("path"), py::call_guard<GilReleased>());
}

}  // namespace gymreel

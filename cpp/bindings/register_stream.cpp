#include "bindings/gil_released.hpp"
#include "bindings/leaving.hpp"
#include "bindings/register.hpp"
#include "bindings/spent_arrays.hpp"
#include "bindings/stream_handle.hpp"
#include "bindings/tile_layout.hpp"
#include "bindings/write_function.hpp"
#include "core/engine/engine.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace gymreel {

void register_stream(py::module_& module) {
    py::detail::npy_api::get();  // Now, because nothing can be imported while the interpreter ends.
    Py_AtExit(&complete_the_rest);
    let_workers_ask();
    py::class_<StreamHandle, std::shared_ptr<StreamHandle>>(module, "Stream")
        .def(py::init([](const std::optional<std::filesystem::path>& path, std::string muxer, std::string encoder,
                         std::string pixel_format, std::pair<int, int> fps, Options options, Metadata metadata,
                         std::optional<bool> copy, std::size_t max_pending_bytes, bool block, bool check_borrowed,
                         int scale, py::object convert) {
                 StreamConfig config;
                 config.encoder = {std::move(encoder),
                                   std::move(pixel_format),
                                   fps.first,
                                   fps.second,
                                   std::move(options),
                                   false,
                                   scale};
                 config.file = {path.value_or(std::filesystem::path()), std::move(muxer), std::move(metadata)};
                 config.max_pending_bytes = max_pending_bytes;
                 config.check_borrowed = check_borrowed;
                 return std::make_shared<StreamHandle>(std::move(config), copy, block, std::move(convert));
             }),
             py::kw_only(), py::arg("path").none(true), py::arg("muxer"), py::arg("encoder"), py::arg("pixel_format"),
             py::arg("fps"), py::arg("options"), py::arg("metadata"), py::arg("copy").none(true),
             py::arg("max_pending_bytes"), py::arg("block"), py::arg("check_borrowed"), py::arg("scale"),
             py::arg("convert"))
        .def("write_function", &write_function)
        .def("tiles_function", &tiles_function, py::arg("width"), py::arg("height"), py::arg("positions"))
        .def("add_metadata", &StreamHandle::add_metadata, py::arg("entries"))
        .def("belongs_here", &StreamHandle::belongs_here)
        .def("finish", &StreamHandle::finish)
        .def("wait", &StreamHandle::wait, py::arg("timeout_seconds") = py::none())
        .def("raise_untold_failure", &StreamHandle::raise_untold_failure)
        .def("result", &StreamHandle::result)
        .def("take_bytes", &StreamHandle::take_bytes)
        .def("stats", &StreamHandle::stats);
    module.def(
        "tile_sizes",
        [](const py::list& frames) {
            std::vector<std::pair<int, int>> sizes;
            for (const FrameSize size : tile_sizes(frames)) sizes.emplace_back(size.height, size.width);
            return sizes;
        },
        py::arg("frames"));
    module.def("finish_all", &finish_all);
    module.def("abandon_all", &abandon_all);
    module.def("wait_before_fork", [] {
        const GilReleased no_gil;
        Engine::wait_before_fork();
    });
    module.def("start_over_after_fork", [] {
        stay_after_fork();
        let_workers_ask();  // This makes the engine, which takes its CPUs from the thread that forked.
    });
}

}  // namespace gymreel

#include "register.hpp"

#include <core/codecs.hpp>

#include <pybind11/stl.h>

namespace py = pybind11;

namespace gymreel {

void register_codecs(py::module_& module) {
    module.def("list_encoders", [] {
        py::list encoders;
        for (const EncoderDescription& encoder : list_encoders()) {
            encoders.append(py::make_tuple(encoder.name, encoder.codec, encoder.description, encoder.pixel_formats,
                                           encoder.is_hardware));
        }
        return encoders;
    });
    module.def("check_encoder_options", &check_encoder_options, py::arg("encoder"), py::arg("options"));
    module.def("can_mux", &can_mux, py::arg("muxer"), py::arg("encoder"));
}

}  // namespace gymreel

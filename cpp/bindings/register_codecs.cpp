#include "bindings/gil_released.hpp"
#include "bindings/register.hpp"
#include "core/encoding/codecs.hpp"
#include "core/encoding/encoder_trial.hpp"
#include "core/file/muxer.hpp"

#include <pybind11/stl.h>

#include <string>
#include <utility>

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
    module.def("encodes_in_two_passes", &encodes_in_two_passes, py::arg("encoder"), py::arg("options"));
    module.def(
        "try_encoder",
        [](std::string encoder, std::string pixel_format, std::pair<int, int> fps, Options options) {
            EncoderConfig config;
            config.encoder = std::move(encoder);
            config.pixel_format = std::move(pixel_format);
            config.fps_numerator = fps.first;
            config.fps_denominator = fps.second;
            config.options = std::move(options);
            const GilReleased no_gil;  // Opening an encoder waits until no other one is being opened.
            return try_encoder(config);
        },
        py::arg("encoder"), py::arg("pixel_format"), py::arg("fps"), py::arg("options"));
    module.def("can_mux", &can_mux, py::arg("muxer"), py::arg("encoder"));
}

}  // namespace gymreel

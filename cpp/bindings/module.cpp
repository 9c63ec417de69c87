#include "bindings/register.hpp"

PYBIND11_MODULE(_core, module) {
    module.doc() = "The native side of gymreel. Private: use gymreel.VideoWriter and gymreel.codecs().";
    gymreel::register_build(module);
    gymreel::register_errors(module);
    gymreel::register_codecs(module);
    gymreel::register_stream(module);
    gymreel::register_engine(module);
    gymreel::register_recovery(module);
}

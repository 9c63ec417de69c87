#include "register.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/avutil.h>
}

PYBIND11_MODULE(_core, module) {
    module.doc() = "The native side of gymreel. Private: use gymreel.VideoWriter and gymreel.codecs().";
    module.attr("__version__") = GYMREEL_VERSION;
    module.attr("ffmpeg_version") = av_version_info();
    module.attr("ffmpeg_license") = avcodec_license();
    gymreel::register_errors(module);
    gymreel::register_codecs(module);
    gymreel::register_stream(module);
    gymreel::register_engine(module);
    gymreel::register_recovery(module);
}

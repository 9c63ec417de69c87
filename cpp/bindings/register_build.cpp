#include "bindings/register.hpp"
#include "core/ffmpeg/ffmpeg_versions.hpp"
#include "core/pixels/convert_rows.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/avutil.h>
}

namespace py = pybind11;

namespace gymreel {

void register_build(py::module_& module) {
    // First of all, because the structs of a library of another version may differ from those that this was compiled
    // for.
    if (const std::string problem = ffmpeg_version_problem(); !problem.empty()) {
        throw py::import_error(problem);
    }
    module.attr("__version__") = GYMREEL_VERSION;
    module.attr("ffmpeg_version") = av_version_info();
    module.attr("ffmpeg_license") = avcodec_license();
    module.attr("ffmpeg_configuration") = avcodec_configuration();
    module.attr("ffmpeg_is_bundled") = GYMREEL_BUNDLED_FFMPEG != 0;
    module.attr("conversion_kernels") = best_row_kernels().name;
    py::dict libraries;
    for (const LibraryVersion& library : ffmpeg_libraries()) {
        libraries[library.name] = py::make_tuple(version_text(library.compiled), version_text(library.loaded));
    }
    module.attr("ffmpeg_libraries") = libraries;
}

}  // namespace gymreel

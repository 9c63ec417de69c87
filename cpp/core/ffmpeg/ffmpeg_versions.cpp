#include "core/ffmpeg/ffmpeg_versions.hpp"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libswscale/swscale.h>
}

namespace gymreel {

std::array<LibraryVersion, 4> ffmpeg_libraries() {
    return {{
        {"libavcodec", LIBAVCODEC_VERSION_INT, avcodec_version()},
        {"libavformat", LIBAVFORMAT_VERSION_INT, avformat_version()},
        {"libavutil", LIBAVUTIL_VERSION_INT, avutil_version()},
        {"libswscale", LIBSWSCALE_VERSION_INT, swscale_version()},
    }};
}

std::string version_text(unsigned version) {
    return std::to_string(AV_VERSION_MAJOR(version)) + "." + std::to_string(AV_VERSION_MINOR(version)) + "." +
           std::to_string(AV_VERSION_MICRO(version));
}

std::string ffmpeg_version_problem() {
    for (const LibraryVersion& library : ffmpeg_libraries()) {
        if (!library.compatible()) {
            return std::string(library.name) + " " + version_text(library.loaded) +
                   " is loaded, but gymreel was built against " + version_text(library.compiled) +
                   ", which is another major version";
        }
    }
    return {};
}

}  // namespace gymreel

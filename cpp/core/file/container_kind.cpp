#include "core/file/container_kind.hpp"

#include "core/error.hpp"

namespace gymreel {

ContainerKind container_kind(const std::string& muxer) {
    if (muxer == "mp4" || muxer == "mov") return ContainerKind::mp4;
    if (muxer == "matroska" || muxer == "webm") return ContainerKind::matroska;
    if (muxer == "gif") return ContainerKind::gif;
    throw Error(ErrorKind::config, "path", "gymreel does not write the container '" + muxer + "'");
}

}  // namespace gymreel

#pragma once

#include <chrono>
#include <string>

namespace gymreel {

/// The kinds of containers. What differs between them is decided by a switch over this enumeration, so that the
/// compiler lists the places that a new kind has to be added to.
enum class ContainerKind {
    mp4,       ///< mp4 and mov.
    matroska,  ///< Matroska and WebM.
    gif
};

/// Return the kind of the container that FFmpeg's muxer of this name writes.
///
/// Thread: any. Errors: Error (config) for any other muxer.
ContainerKind container_kind(const std::string& muxer);

/// The length of a fragment of a growing file, in time of the video as well as of the wall clock. A kill loses the
/// unfinished fragment, so fragments are short.
constexpr std::chrono::milliseconds fragment_time{250};

}  // namespace gymreel

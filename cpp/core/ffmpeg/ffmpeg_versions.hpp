#pragma once

#include <array>
#include <string>

namespace gymreel {

/// One of FFmpeg's libraries: the version that this code was compiled with and the one that is loaded, as FFmpeg's
/// version integers.
struct LibraryVersion {
    const char* name;
    unsigned compiled;
    unsigned loaded;

    /// Whether structs and constants still mean the same.
    bool compatible() const { return compiled >> 16 == loaded >> 16; }
};

/// The libraries that gymreel calls. Any thread.
std::array<LibraryVersion, 4> ffmpeg_libraries();

/// "61.19.101".
std::string version_text(unsigned version);

/// What is wrong and what to do, where a library that is loaded has another major version than the one that this was
/// compiled with; else empty.
std::string ffmpeg_version_problem();

}  // namespace gymreel

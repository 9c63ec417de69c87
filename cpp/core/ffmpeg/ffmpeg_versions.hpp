#pragma once

#include <array>
#include <string>

namespace gymreel {

/// The versions of one FFmpeg library that this code was compiled with and that is loaded, as FFmpeg's version
/// integers.
struct LibraryVersion {
    const char* name;
    unsigned compiled;
    unsigned loaded;

    /// Return whether the layouts of structs and the values of constants agree.
    bool compatible() const { return compiled >> 16 == loaded >> 16; }
};

/// Return the libraries that gymreel calls.
///
/// Thread: any. Errors: none.
std::array<LibraryVersion, 4> ffmpeg_libraries();

/// Return a version integer as text, such as "61.19.101".
std::string version_text(unsigned version);

/// Return a message if a loaded library has another major version than the one this code was compiled with; else return
/// an empty string.
std::string ffmpeg_version_problem();

}  // namespace gymreel

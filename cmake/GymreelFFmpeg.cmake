# gymreel_ffmpeg: the four FFmpeg libraries, 5.1 or newer, found by pkg-config. Whatever is missing is told in one
# message that a person can act on, because it is what `pip install` shows: GYMREEL_FFMPEG_PROBLEM, given by the caller.

set(ffmpeg_requirements "libavcodec>=59.37" "libavformat>=59.27" "libavutil>=57.28" "libswscale>=6.7")
set(ffmpeg_missing "")

# A wheel carries an FFmpeg of its own, and then nothing of the system's may be found, Highway included.
if(GYMREEL_BUNDLED_FFMPEG)
    set(bundled_dir "${PROJECT_SOURCE_DIR}/bundled")
    if(NOT EXISTS "${bundled_dir}/recipe.txt")
        message(FATAL_ERROR
            "gymreel: GYMREEL_BUNDLED_FFMPEG=ON needs the FFmpeg that tools/build_ffmpeg.sh builds: run it first.")
    endif()
    # The wheel's licence goes by the variable, in tools/wheel_license.py.
    if(SKBUILD AND "$ENV{GYMREEL_BUNDLED_FFMPEG}" STREQUAL "")
        message(FATAL_ERROR
            "gymreel: set GYMREEL_BUNDLED_FFMPEG=1 in the environment, not in CMake alone: "
            "the wheel would not say under which licences it is.")
    endif()
    set(ENV{PKG_CONFIG_PATH} "")
    set(ENV{PKG_CONFIG_LIBDIR} "${bundled_dir}/lib/pkgconfig")
    set(PKG_CONFIG_USE_CMAKE_PREFIX_PATH OFF)
endif()

find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    add_library(gymreel_ffmpeg INTERFACE)
    foreach(requirement IN LISTS ffmpeg_requirements)
        string(REGEX REPLACE ">=.*" "" library "${requirement}")
        pkg_check_modules("GYMREEL_${library}" QUIET IMPORTED_TARGET "${requirement}")
        if(GYMREEL_${library}_FOUND)
            target_link_libraries(gymreel_ffmpeg INTERFACE "PkgConfig::GYMREEL_${library}")
            list(APPEND ffmpeg_found "${library} ${GYMREEL_${library}_VERSION}")
        else()
            string(REPLACE ">=" " " wanted "${requirement}")
            execute_process(
                COMMAND "${PKG_CONFIG_EXECUTABLE}" --modversion "${library}"
                OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
            if(found)
                list(APPEND ffmpeg_missing "${wanted} or newer (this machine has ${found})")
            else()
                list(APPEND ffmpeg_missing "${wanted} or newer (not found)")
            endif()
        endif()
    endforeach()
else()
    list(APPEND ffmpeg_missing "pkg-config" "FFmpeg's development files (looked for with pkg-config)")
endif()

if(ffmpeg_missing)
    list(JOIN ffmpeg_missing "\n    " missing)
    # Lines that begin with a space are shown as they are, and empty ones are doubled.
    set(GYMREEL_FFMPEG_PROBLEM
"  gymreel needs FFmpeg 5.1 or newer with its development files. Missing:
    ${missing}
  Install them, then try again:
    Debian, Ubuntu  apt-get install pkg-config libavcodec-dev libavformat-dev libavutil-dev libswscale-dev
    Fedora          dnf install pkgconf-pkg-config ffmpeg-free-devel
    Arch            pacman -S pkgconf ffmpeg
    Alpine          apk add pkgconf ffmpeg-dev
    macOS           brew install pkgconf ffmpeg
  An FFmpeg in a place of its own is found through PKG_CONFIG_PATH.")
else()
    list(JOIN ffmpeg_found ", " ffmpeg_found)
    message(STATUS "gymreel: FFmpeg: ${ffmpeg_found}")
endif()

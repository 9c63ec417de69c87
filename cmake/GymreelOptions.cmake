# How our own targets are compiled: gymreel_options carries the warnings and the sanitizers, so that nothing of the kind
# reaches the headers of others.

add_library(gymreel_options INTERFACE)
target_compile_features(gymreel_options INTERFACE cxx_std_17)

if(GYMREEL_DEVELOPMENT)
    if(MSVC)
        target_compile_options(gymreel_options INTERFACE /W4 /WX)
    else()
        target_compile_options(gymreel_options INTERFACE -Wall -Wextra -Wpedantic -Werror)
    endif()
endif()

if(GYMREEL_SANITIZE)
    if(MSVC)
        message(FATAL_ERROR "gymreel: GYMREEL_SANITIZE needs GCC or Clang.")
    endif()
    list(JOIN GYMREEL_SANITIZE "," sanitizers)
    target_compile_options(gymreel_options INTERFACE "-fsanitize=${sanitizers}" -fno-omit-frame-pointer -g)
    target_link_options(gymreel_options INTERFACE "-fsanitize=${sanitizers}")
endif()

# Set either way: pybind11 turns link-time optimisation on where this says nothing.
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
if(GYMREEL_LTO)
    include(CheckIPOSupported)
    check_ipo_supported(LANGUAGES CXX)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

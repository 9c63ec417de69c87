# Google Highway, which the fast colour conversion is written with. Optional: the plain kernels do the same work.

set(GYMREEL_HIGHWAY_FOUND OFF)
if(GYMREEL_SIMD STREQUAL "AUTO" OR GYMREEL_SIMD)
    pkg_check_modules(GYMREEL_HIGHWAY QUIET IMPORTED_TARGET "libhwy>=1.0")
endif()
if(GYMREEL_HIGHWAY_FOUND)
    message(STATUS "gymreel: colour conversion: SIMD, Highway ${GYMREEL_HIGHWAY_VERSION}")
elseif(GYMREEL_SIMD STREQUAL "AUTO")
    message(STATUS "gymreel: colour conversion: plain C++ (for SIMD: libhwy-dev, highway-devel or highway)")
elseif(GYMREEL_SIMD)
    message(FATAL_ERROR
        "gymreel: GYMREEL_SIMD=ON needs Google Highway 1.0 or newer, which pkg-config does not find as libhwy. "
        "Its package is libhwy-dev (Debian, Ubuntu), highway-devel (Fedora), highway-dev (Alpine) or highway.")
else()
    message(STATUS "gymreel: colour conversion: plain C++ (GYMREEL_SIMD=OFF)")
endif()

# The core's own tests: one executable from tests/cpp/, known to ctest.

find_package(doctest CONFIG QUIET)
if(NOT doctest_FOUND)
    find_path(GYMREEL_DOCTEST_INCLUDE_DIR doctest/doctest.h)
    if(NOT GYMREEL_DOCTEST_INCLUDE_DIR)
        message(FATAL_ERROR
            "gymreel: the C++ tests (GYMREEL_DEVELOPMENT=ON) need doctest: doctest-dev (Debian, Ubuntu, Alpine), "
            "doctest-devel (Fedora) or doctest (Arch, Homebrew).")
    endif()
    add_library(doctest::doctest INTERFACE IMPORTED)
    target_include_directories(doctest::doctest INTERFACE "${GYMREEL_DOCTEST_INCLUDE_DIR}")
endif()

file(GLOB test_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/cpp/*.cpp")
add_executable(gymreel_core_tests ${test_sources})
target_link_libraries(gymreel_core_tests PRIVATE gymreel_core doctest::doctest)
if(NOT MSVC)
    # The core itself keeps its optimisation; for the tests, compiling takes longer than running.
    target_compile_options(gymreel_core_tests PRIVATE -O1)
endif()
add_test(NAME gymreel_core_tests COMMAND gymreel_core_tests)
set_tests_properties(gymreel_core_tests PROPERTIES TIMEOUT 300)

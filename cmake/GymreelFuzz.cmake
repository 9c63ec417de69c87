# Fuzz targets for the core (GYMREEL_FUZZ=ON, make fuzz): with libFuzzer where the compiler has it, else with a main of
# our own that mutates what it is given at random, without looking at what was reached.

include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS -fsanitize=fuzzer)
check_cxx_source_compiles(
    "#include <cstddef>
     #include <cstdint>
     extern \"C\" int LLVMFuzzerTestOneInput(const std::uint8_t*, std::size_t) { return 0; }"
    GYMREEL_HAVE_LIBFUZZER)
unset(CMAKE_REQUIRED_FLAGS)

foreach(target fuzz_recovery fuzz_frames)
    add_executable(${target} "${PROJECT_SOURCE_DIR}/tests/fuzz/${target}.cpp")
    target_link_libraries(${target} PRIVATE gymreel_core)
    if(GYMREEL_HAVE_LIBFUZZER)
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests/fuzz/random_driver.cpp")
    endif()
endforeach()
if(GYMREEL_HAVE_LIBFUZZER)
    # The core is what coverage is wanted of.
    target_compile_options(gymreel_core PUBLIC -fsanitize=fuzzer-no-link)
    target_link_options(gymreel_core PUBLIC -fsanitize=fuzzer-no-link)
endif()

add_executable(make_corpus "${PROJECT_SOURCE_DIR}/tests/fuzz/make_corpus.cpp")
target_link_libraries(make_corpus PRIVATE gymreel_core)

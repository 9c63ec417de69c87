# The module shows Python its init function and nothing else: neither the FFmpeg inside a wheel nor a template of the
# standard library can get into the way of what PyAV, OpenCV or another has loaded into the process, nor they into ours.
# A wheel brings C++'s runtime along as well: musllinux has none, and that of others may be older.

if(APPLE)
    target_link_options(_core PRIVATE "LINKER:-exported_symbol,_PyInit__core")
elseif(UNIX)
    set(symbols "${CMAKE_CURRENT_BINARY_DIR}/exported_symbols.map")
    file(WRITE "${symbols}" "{ global: PyInit__core; local: *; };\n")
    target_link_options(_core PRIVATE
        "LINKER:--version-script=${symbols}" "LINKER:--exclude-libs,ALL" "LINKER:-Bsymbolic" "LINKER:--as-needed")
    if(GYMREEL_BUNDLED_FFMPEG)
        target_link_options(_core PRIVATE -static-libstdc++ -static-libgcc)
    endif()
elseif(MINGW)
    # Exported is what says so, which is the init function. CPython's headers know 64 bits by MSVC's macro only.
    target_link_options(_core PRIVATE -static)
    target_compile_definitions(_core PRIVATE MS_WIN64)
endif()

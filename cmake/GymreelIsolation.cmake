# The module shows Python its init function and nothing else: neither the FFmpeg inside a wheel nor a template of the
# standard library can get into the way of what PyAV, OpenCV or another has loaded into the process, nor they into ours.

if(APPLE)
    target_link_options(_core PRIVATE "LINKER:-exported_symbol,_PyInit__core")
elseif(UNIX)
    set(symbols "${CMAKE_CURRENT_BINARY_DIR}/exported_symbols.map")
    file(WRITE "${symbols}" "{ global: PyInit__core; local: *; };\n")
    target_link_options(_core PRIVATE
        "LINKER:--version-script=${symbols}" "LINKER:--exclude-libs,ALL" "LINKER:-Bsymbolic" "LINKER:--as-needed")
endif()

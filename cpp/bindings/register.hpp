#pragma once

#include <pybind11/pybind11.h>

#include <exception>

namespace gymreel {

// One function for each part of the module; module.cpp calls them in order.

void register_build(pybind11::module_& module);
void register_errors(pybind11::module_& module);
void register_codecs(pybind11::module_& module);
void register_stream(pybind11::module_& module);
void register_engine(pybind11::module_& module);
void register_recovery(pybind11::module_& module);

/// Set Python's error to what C++ threw, as pybind11 does around its own functions. For functions that it does not
/// call.
///
/// Thread: one that has the GIL. Errors: none.
void set_python_error(const std::exception_ptr& error) noexcept;

}  // namespace gymreel

#pragma once

#include <pybind11/pybind11.h>

namespace gymreel {

// One function for each part of the module; module.cpp calls them in order.

void register_errors(pybind11::module_& module);
void register_codecs(pybind11::module_& module);
void register_stream(pybind11::module_& module);
void register_engine(pybind11::module_& module);

}  // namespace gymreel

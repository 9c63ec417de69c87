#include "register.hpp"

#include <core/error.hpp>

#include <exception>
#include <string>

namespace py = pybind11;

namespace gymreel {
namespace {

const char* class_name(ErrorKind kind) {
    switch (kind) {
        case ErrorKind::config: return "ConfigError";
        case ErrorKind::codec_not_found: return "CodecNotFoundError";
        case ErrorKind::frame_type: return "FrameTypeError";
        case ErrorKind::frame_shape: return "FrameShapeError";
        case ErrorKind::closed: return "WriterClosedError";
        case ErrorKind::output: return "OutputError";
        case ErrorKind::encode: return "EncodeError";
    }
    return "GymreelError";
}

/// Text from outside that need not be UTF-8.
py::str decode(const std::string& text) {
    return py::reinterpret_steal<py::str>(
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

/// A path as Python spells it, undecodable bytes included.
py::str decode_path(const std::string& path) {
    return py::reinterpret_steal<py::str>(
        PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
}

py::object make_exception(const ErrorInfo& info) {
    const py::object type = py::module_::import("gymreel.errors").attr(class_name(info.kind));
    if (info.kind == ErrorKind::output || info.kind == ErrorKind::encode) {
        return type(info.code, info.operation, decode(info.reason), decode_path(info.filename), decode(info.log));
    }
    return type(decode(info.reason));
}

}  // namespace

void register_errors(py::module_&) {
    // pybind11 wants it by value.
    py::register_local_exception_translator([](std::exception_ptr error) {  // NOLINT(performance-*)
        try {
            std::rethrow_exception(error);
        } catch (const Error& known) {
            const py::object exception = make_exception(known.info());
            PyErr_SetObject(py::type::of(exception).ptr(), exception.ptr());
        }
    });
}

}  // namespace gymreel

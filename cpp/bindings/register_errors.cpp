#include "register.hpp"

#include <core/error.hpp>

#include <exception>

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

py::object make_exception(const ErrorInfo& info) {
    const py::object type = py::module_::import("gymreel.errors").attr(class_name(info.kind));
    if (info.kind == ErrorKind::output || info.kind == ErrorKind::encode) {
        return type(info.code, info.operation, info.reason, info.filename, info.log);
    }
    return type(info.reason);
}

}  // namespace

void register_errors(py::module_&) {
    py::register_local_exception_translator([](std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const Error& known) {
            const py::object exception = make_exception(known.info());
            PyErr_SetObject(py::type::of(exception).ptr(), exception.ptr());
        }
    });
}

}  // namespace gymreel

#include "bindings/register.hpp"
#include "core/error.hpp"

#include <array>
#include <exception>
#include <new>
#include <string>
#include <utility>

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

/// Return a text that may not be valid UTF-8, such as FFmpeg's log, as Python's.
py::str decode(const std::string& text) {
    return py::reinterpret_steal<py::str>(
        PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

/// Return a path as Python represents it, including bytes that cannot be decoded.
py::str decode_path(const std::string& path) {
    return py::reinterpret_steal<py::str>(
        PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
}

constexpr std::array kinds{ErrorKind::config, ErrorKind::codec_not_found, ErrorKind::frame_type, ErrorKind::frame_shape,
                           ErrorKind::closed, ErrorKind::output,          ErrorKind::encode};

/// The exception classes by kind. They are imported with the module and never released, because nothing can be imported
/// while the interpreter ends.
std::array<PyObject*, kinds.size()> classes{};

py::object make_exception(const ErrorInfo& info) {
    const auto type = py::reinterpret_borrow<py::object>(classes.at(static_cast<std::size_t>(info.kind)));
    if (info.kind == ErrorKind::output || info.kind == ErrorKind::encode) {
        return type(info.code, info.operation, decode(info.reason), decode_path(info.filename), decode(info.log));
    }
    return type(decode(info.reason));
}

void raise(const Error& error) {
    const py::object exception = make_exception(error.info());
    PyErr_SetObject(py::type::of(exception).ptr(), exception.ptr());
}

}  // namespace

void set_python_error(const std::exception_ptr& error) noexcept {
    try {
        try {
            std::rethrow_exception(error);
        } catch (const Error& known) {
            raise(known);
        }
    } catch (py::error_already_set& raised) {
        raised.restore();
    } catch (const py::builtin_exception& raised) {
        raised.set_error();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& unknown) {
        PyErr_SetString(PyExc_RuntimeError, unknown.what());
    }
}

void register_errors(py::module_&) {
    const py::module_ errors = py::module_::import("gymreel.errors");
    for (const ErrorKind kind : kinds) {
        classes.at(static_cast<std::size_t>(kind)) = py::object(errors.attr(class_name(kind))).release().ptr();
    }
    // By value, because pybind11 requires it.
    py::register_local_exception_translator([](std::exception_ptr error) {
        try {
            std::rethrow_exception(std::move(error));
        } catch (const Error& known) {
            raise(known);
        }
    });
}

}  // namespace gymreel

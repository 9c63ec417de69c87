#include "bindings/numpy_frame.hpp"

#include "core/error.hpp"
#include "core/pixels/frame_pixels.hpp"

#include <pybind11/numpy.h>

#include <string>

namespace py = pybind11;

namespace gymreel {
namespace {

std::string describe(const py::array& array) {
    return py::str("{} array of shape {}").format(array.dtype(), py::tuple(array.attr("shape")));
}

bool has_one_reference(PyObject* object) noexcept {
#if defined(Py_GIL_DISABLED) && PY_VERSION_HEX >= 0x030E0000
    return PyUnstable_Object_IsUniquelyReferenced(object) != 0;
#elif defined(Py_GIL_DISABLED)
    return false;  // There is no public way to find out, so frames are copied.
#else
    // The count is right in every version, also with the borrowed references of 3.14: the array is in a list, which has
    // a reference, and a borrowed reference exists only beside a variable that has another.
    return Py_REFCNT(object) == 1;
#endif
}

bool has_weak_references(PyObject* object) noexcept {
    const Py_ssize_t offset = Py_TYPE(object)->tp_weaklistoffset;
    return offset > 0 && *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset) != nullptr;
}

/// The range of addresses that an array with any strides covers.
struct ByteRange {
    std::uintptr_t begin;
    std::uintptr_t end;
};

ByteRange reach_of(const py::array& array) {
    const auto data = reinterpret_cast<std::uintptr_t>(array.data());
    ByteRange range{data, data + static_cast<std::uintptr_t>(array.itemsize())};
    for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
        const py::ssize_t last = (array.shape(axis) - 1) * array.strides(axis);
        (last < 0 ? range.begin : range.end) += static_cast<std::uintptr_t>(last);
    }
    return range;
}

/// Return whether the pixels lie within the memory of `owner` and make up most of it. The first is not certain, because
/// an extension may name any array as the base of its own memory, even an empty one.
bool is_most_of(const py::array& frame, const py::array& owner) {
    const auto begin = reinterpret_cast<std::uintptr_t>(owner.data());
    const ByteRange reach = reach_of(frame);
    return owner.nbytes() <= 2 * frame.nbytes() && reach.begin >= begin &&
           reach.end <= begin + static_cast<std::uintptr_t>(owner.nbytes());
}

}  // namespace

bool is_uint8_array(py::handle frame) {
    if (!py::isinstance<py::array>(frame)) return false;
    return py::reinterpret_borrow<py::array>(frame).dtype().num() == py::dtype::num_of<std::uint8_t>();
}

FrameView view_of(py::handle frame, py::ssize_t first_axis) {
    if (!py::isinstance<py::array>(frame)) {
        throw Error(ErrorKind::frame_type, "write",
                    "frame must be a numpy array, got " + std::string(Py_TYPE(frame.ptr())->tp_name));
    }
    const auto array = py::reinterpret_borrow<py::array>(frame);
    const py::ssize_t num_axes = array.ndim() - first_axis;
    const py::ssize_t rows = first_axis;
    const py::ssize_t columns = rows + 1;
    const py::ssize_t channels = num_axes == 2 ? 1 : num_axes == 3 ? array.shape(columns + 1) : 0;
    if (channels != 1 && channels != 3 && channels != 4) {
        throw Error(ErrorKind::frame_shape, "write",
                    "frame must have the shape (height, width, 3), (height, width, 4), (height, width, 1) or "
                    "(height, width), got " +
                        describe(array));
    }
    if (array.shape(rows) < 1 || array.shape(columns) < 1 || array.shape(rows) > largest_side ||
        array.shape(columns) > largest_side) {
        throw Error(
            ErrorKind::frame_shape, "write",
            "frame must have from 1 to " + std::to_string(largest_side) + " rows and columns, got " + describe(array));
    }
    FrameView view;
    view.data = static_cast<const std::uint8_t*>(array.data());
    view.height = static_cast<int>(array.shape(rows));
    view.width = static_cast<int>(array.shape(columns));
    view.channels = static_cast<int>(channels);
    view.row_stride = array.strides(rows);
    view.pixel_stride = array.strides(columns);
    // The stride of an axis of length 1 may be anything.
    view.channel_stride = channels == 1 ? 1 : array.strides(columns + 1);
    return view;
}

bool is_uint16_array(py::handle frame) {
    if (!py::isinstance<py::array>(frame)) return false;
    return py::reinterpret_borrow<py::array>(frame).dtype().num() == py::dtype::num_of<std::uint16_t>() &&
           py::isinstance<py::array_t<std::uint16_t>>(frame);
}

FrameView view_of_16_bits(py::handle frame) {
    FrameView view = view_of(frame);
    if (view.channels != 1) {
        throw Error(ErrorKind::frame_shape, "write",
                    "a frame of uint16 must have the shape (height, width) or (height, width, 1), got " +
                        describe(py::reinterpret_borrow<py::array>(frame)));
    }
    view.channels = 2;
    return view;
}

bool can_borrow(py::handle frame) {
    PyObject* object = frame.ptr();
    for (;;) {
        const auto* const plain_array = reinterpret_cast<PyObject*>(py::detail::npy_api::get().PyArray_Type_);
        if (reinterpret_cast<PyObject*>(Py_TYPE(object)) != plain_array) return false;
        if (!has_one_reference(object) || has_weak_references(object)) return false;
        const auto* const array = py::detail::array_proxy(object);
        if (array->base == nullptr) {
            const bool is_owner = (array->flags & py::detail::npy_api::NPY_ARRAY_OWNDATA_) != 0;
            return is_owner &&
                   is_most_of(py::reinterpret_borrow<py::array>(frame), py::reinterpret_borrow<py::array>(object));
        }
        object = array->base;
    }
}

}  // namespace gymreel

#include "bindings/write_function.hpp"

#include "bindings/register.hpp"

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif
#include <exception>
#include <utility>

namespace py = pybind11;

namespace gymreel {
namespace {

struct FrameTarget {
    std::shared_ptr<StreamHandle> handle;

    bool write(PyObject* holder) { return handle->write(holder); }
};

struct TilesTarget {
    std::shared_ptr<StreamHandle> handle;
    TileLayout layout;

    bool write(PyObject* holder) { return handle->write_tiles(layout, holder); }
};

template <typename Target>
Target* target_in(PyObject* capsule) {
    return static_cast<Target*>(PyCapsule_GetPointer(capsule, nullptr));
}

/// Target::write() as CPython calls it.
template <typename Target>
#ifdef __GLIBCXX__
[[gnu::no_sanitize("null")]]  // The C library throws no object when it ends a thread.
#endif
PyObject* call_write(PyObject* capsule, PyObject* holder) {
    try {
        return PyBool_FromLong(static_cast<long>(target_in<Target>(capsule)->write(holder)));
#ifdef __GLIBCXX__
    } catch (const abi::__forced_unwind&) {  // The C library is ending the thread.
        throw;
#endif
    } catch (...) {
        set_python_error(std::current_exception());
        return nullptr;
    }
}

template <typename Target>
py::object make_function(PyMethodDef& definition, Target target) {
    const auto let_go = [](PyObject* capsule) { const std::unique_ptr<Target> last(target_in<Target>(capsule)); };
    auto kept = std::make_unique<Target>(std::move(target));
    const auto capsule = py::reinterpret_steal<py::object>(PyCapsule_New(kept.get(), nullptr, let_go));
    if (!capsule) throw py::error_already_set();
    [[maybe_unused]] const auto* const capsules_own = kept.release();
    auto function = py::reinterpret_steal<py::object>(PyCFunction_New(&definition, capsule.ptr()));
    if (!function) throw py::error_already_set();
    return function;
}

}  // namespace

py::object write_function(const std::shared_ptr<StreamHandle>& handle) {
    static PyMethodDef definition{"write", &call_write<FrameTarget>, METH_O,
                                  "Take the one frame out of a list and queue it; False where it was dropped."};
    return make_function(definition, FrameTarget{handle});
}

py::object tiles_function(const std::shared_ptr<StreamHandle>& handle, std::int64_t width, std::int64_t height,
                          const std::vector<TileLayout::Position>& positions) {
    static PyMethodDef definition{
        "write_tiles", &call_write<TilesTarget>, METH_O,
        "Take the tiles of one frame out of a list and queue it; False where it was dropped."};
    return make_function(definition, TilesTarget{handle, TileLayout(width, height, positions)});
}

}  // namespace gymreel

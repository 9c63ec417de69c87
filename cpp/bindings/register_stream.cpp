#include "bindings/register.hpp"

#include "bindings/gil_released.hpp"
#include "bindings/numpy_frame.hpp"
#include "bindings/tile_layout.hpp"
#include "core/engine/engine.hpp"
#include "core/pixels/frame_pixels.hpp"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif
#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace gymreel {
namespace {

using namespace std::chrono_literals;

// How often a call that waits looks whether Ctrl-C was pressed.
constexpr std::chrono::milliseconds signal_interval = 50ms;

/// Whether everything was closed because the interpreter ends.
std::atomic<bool> is_leaving{false};

/// Whether this is a daemon thread that goes on while the interpreter leaves.
bool is_left_behind() {
    if (!is_leaving || is_interpreter_ending()) return false;
    return py::module_::import("threading").attr("current_thread")().attr("daemon").cast<bool>();
}

/// A daemon thread is not told that it is too late: a moment later Python itself would have stopped it without a word.
[[noreturn]] void stop_this_thread() {
    const GilReleased no_gil;
    for (;;) std::this_thread::sleep_for(1h);
}

/// Lets go of frames that were encoded meanwhile. With the GIL, on the thread that writes: the environment's next
/// render() finds their memory free again.
void release_spent() {
    for (const PendingFrame& frame : Engine::instance().take_spent()) Py_DECREF(static_cast<PyObject*>(frame.owner));
}

/// Lets the main thread call release_spent() when it next runs bytecode. On a worker, without the GIL.
bool ask_main_thread() {
    const auto release = [](void*) {
        release_spent();
        return 0;
    };
    return Py_AddPendingCall(release, nullptr) == 0;
}

/// From here on workers may ask: not in another interpreter than the main one, which would get its objects.
void let_workers_ask() {
    if (PyInterpreterState_Get() == PyInterpreterState_Main()) Engine::instance().set_ask_for_spent(&ask_main_thread);
}

/// Waits without the GIL until `wait(interval)` is true. Errors: what a signal handler raised.
template <typename Wait>
void wait_interruptibly(Wait wait) {
    for (;;) {
        bool is_over = false;
        {
            const GilReleased no_gil;
            is_over = wait(signal_interval);
        }
        release_spent();
        if (is_over) return;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
}

std::shared_ptr<Stream> open_stream(StreamConfig config) {
    const GilReleased no_gil;
    return Engine::instance().open(std::move(config));
}

/// Python's hold on a stream. When the last one goes the stream finishes in the background.
class StreamHandle {
public:
    /// `copy`: whether to copy frames; nothing for those that somebody can still reach. `block`: wait for room.
    /// `convert`: makes an array of uint8 of what is none; it is given the object and what to call it in messages.
    StreamHandle(StreamConfig config, std::optional<bool> copy, bool block, py::object convert)
        : copy_(copy),
          block_(block),
          convert_(std::move(convert)),
          generation_(Engine::generation()),
          stream_(open_stream(std::move(config))) {}

    ~StreamHandle() {
        if (is_foreign()) {
            // After a fork the stream, its lock and its file are the parent's: leave everything as it is.
            [[maybe_unused]] const auto* const left_alone =
                std::make_unique<std::shared_ptr<Stream>>(std::move(stream_)).release();
            return;
        }
        try {
            Engine::instance().finish(stream_);
        } catch (const std::exception&) {  // No thread could be started; the partial file holds what there is.
        }
    }
    StreamHandle(const StreamHandle&) = delete;
    StreamHandle& operator=(const StreamHandle&) = delete;

    /// False in a forked child: the stream is the parent's.
    bool belongs_here() const noexcept { return !is_foreign(); }

    /// Takes the one frame out of `holder`. False where it was dropped.
    bool write(PyObject* holder) {
        const std::shared_ptr<Stream>& stream = own_stream();
        release_spent();
        if (!PyList_Check(holder) || PyList_GET_SIZE(holder) != 1) {
            throw py::type_error("holder must be a list of one frame");
        }
        PyObject* const held = PyList_GET_ITEM(holder, 0);
        if (!is_uint8_array(held)) return write_converted(stream, holder);
        const FrameView view = view_of(held);
        const bool borrow = copy_.has_value() ? !*copy_ : can_borrow(held);
        const auto frame = py::reinterpret_borrow<py::object>(held);
        if (PyList_SetSlice(holder, 0, 1, nullptr) != 0) throw py::error_already_set();
        return queue(stream, view, borrow, frame);
    }

    /// Takes the tiles of one frame out of `holder`. False where it was dropped.
    bool write_tiles(TileLayout& layout, PyObject* holder) {
        const std::shared_ptr<Stream>& stream = own_stream();
        release_spent();
        if (!PyList_Check(holder)) throw py::type_error("holder must be a list of arrays");
        // A list of our own takes the arrays over and is the one token for all of them.
        const auto frames = py::reinterpret_steal<py::list>(PyList_GetSlice(holder, 0, PyList_GET_SIZE(holder)));
        if (!frames) throw py::error_already_set();
        const bool is_converted = convert_all(frames);
        const FramePixels pixels = layout.view_of(frames);
        if (PyList_SetSlice(holder, 0, PyList_GET_SIZE(holder), nullptr) != 0) throw py::error_already_set();
        const bool borrow = !is_converted && (copy_.has_value() ? !*copy_ : can_borrow_all(frames));
        return queue(stream, pixels, borrow, frames);
    }

    void add_metadata(const Metadata& entries) { own_stream()->add_metadata(entries); }

    void finish() {
        if (is_foreign()) return;
        Engine::instance().finish(stream_);
        release_spent();
    }

    /// Waits until a finished stream is done, or as long as it may. False where that was not enough.
    bool wait(std::optional<double> timeout_seconds) {
        using Clock = std::chrono::steady_clock;
        constexpr double forever = 1e9;
        const std::shared_ptr<Stream>& stream = own_stream();
        const std::chrono::duration<double> timeout(std::min(timeout_seconds.value_or(forever), forever));
        const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout);
        bool is_done = false;
        wait_interruptibly([&](std::chrono::milliseconds interval) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
            is_done = stream->wait_until_done(std::clamp(left, std::chrono::milliseconds{0}, interval));
            return is_done || left.count() <= 0;
        });
        return is_done;
    }

    /// Raises the failure of the stream unless this or write() has done so.
    void raise_untold_failure() {
        const std::optional<ErrorInfo> failure = own_stream()->failure();
        if (failure && !is_told_.exchange(true)) throw Error(*failure);
    }

    py::object result() const {
        const std::optional<StreamResult> result = own_stream()->result();
        release_spent();
        if (!result) return py::none();
        // As text: an interpreter that is ending cannot import pathlib any more.
        const std::string path = result->path.string();
        auto name = py::reinterpret_steal<py::str>(
            PyUnicode_DecodeFSDefaultAndSize(path.data(), static_cast<Py_ssize_t>(path.size())));
        return py::make_tuple(std::move(name), result->num_frames, result->num_bytes, result->width, result->height,
                              result->is_superseded);
    }

    py::bytes take_bytes() {
        const std::vector<std::uint8_t> bytes = own_stream()->take_bytes();
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    py::dict stats() const {
        const StreamStats stats = own_stream()->stats();
        release_spent();
        return py::dict(py::arg("num_written") = stats.num_written, py::arg("num_encoded") = stats.num_encoded,
                        py::arg("num_dropped") = stats.num_dropped, py::arg("num_borrowed") = stats.num_borrowed,
                        py::arg("num_copied") = stats.num_copied, py::arg("num_pending") = stats.num_pending,
                        py::arg("pending_bytes") = stats.pending_bytes, py::arg("num_bytes") = stats.num_bytes);
    }

private:
    bool is_foreign() const noexcept { return generation_ != Engine::generation(); }

    const std::shared_ptr<Stream>& own_stream() const {
        if (is_foreign()) {
            throw Error(ErrorKind::closed, "write",
                        "this writer belongs to the process that was forked; make a new one here");
        }
        return stream_;
    }

    /// write() for what is no array of uint8.
    bool write_converted(const std::shared_ptr<Stream>& stream, PyObject* holder) {
        PyObject* const held = PyList_GET_ITEM(holder, 0);
        if (py::isinstance<py::array>(held)) view_of(held);  // No shape of a frame: do not convert it in vain.
        const py::object frame = convert(held, {});
        const FrameView view = view_of(frame);
        if (PyList_SetSlice(holder, 0, PyList_GET_SIZE(holder), nullptr) != 0) throw py::error_already_set();
        return queue(stream, view, false, frame);
    }

    /// What is no array of uint8 as one. Errors: what the function raises where that cannot be.
    py::object convert(py::handle frame, const std::string& name) const {
        py::object converted = convert_(frame, name);
        if (!is_uint8_array(converted)) throw py::type_error("convert must return a numpy array of uint8");
        return converted;
    }

    /// Puts what convert() returns in the place of what is no array of uint8. True where there was any.
    bool convert_all(const py::list& frames) const {
        bool is_any = false;
        for (std::size_t i = 0; i < frames.size(); ++i) {
            PyObject* const frame = PyList_GET_ITEM(frames.ptr(), static_cast<Py_ssize_t>(i));
            if (is_uint8_array(frame)) continue;
            frames[i] = convert(frame, name_of_array(frames, i));
            is_any = true;
        }
        return is_any;
    }

    /// Queues the pixels, which `owner` keeps alive, or a copy of them. False where they were dropped.
    bool queue(const std::shared_ptr<Stream>& stream, const FramePixels& pixels, bool borrow, const py::object& owner) {
        try {
            return borrow ? write_borrowed(stream, pixels, owner) : write_copied(stream, pixels);
        } catch (const Error& error) {
            if (error.info().kind == ErrorKind::closed && is_left_behind()) stop_this_thread();
            if (stream->failure()) is_told_ = true;  // It is what was thrown: a stream that failed says nothing else.
            throw;
        }
    }

    /// Tries to write until it worked. False where there was no room and the caller would rather go on without.
    template <typename Write>
    bool write_when_room(const std::shared_ptr<Stream>& stream, std::size_t num_bytes, Write write) const {
        while (!write()) {
            if (!block_) {
                stream->count_dropped();
                return false;
            }
            wait_interruptibly([&](auto interval) { return stream->wait_for_room(num_bytes, interval); });
        }
        return true;
    }

    bool write_borrowed(const std::shared_ptr<Stream>& stream, const FramePixels& pixels, py::object owner) const {
        const bool taken = write_when_room(stream, packed_size(pixels),
                                           [&] { return Engine::instance().write(stream, pixels, owner.ptr()); });
        if (taken) owner.release();  // The token is the stream's now, until release_spent().
        return taken;
    }

    bool write_copied(const std::shared_ptr<Stream>& stream, const FramePixels& pixels) const {
        return write_when_room(stream, copied_size(pixels), [&] {
            const GilReleased no_gil;
            return Engine::instance().write_copy(stream, pixels);
        });
    }

    std::optional<bool> copy_;
    bool block_;
    py::object convert_;
    unsigned generation_;
    std::shared_ptr<Stream> stream_;
    std::atomic<bool> is_told_{false};  // That the stream has failed.
};

using SharedHandle = std::shared_ptr<StreamHandle>;

/// What write_function() returns, but for the wrapping.
struct FrameTarget {
    SharedHandle handle;

    bool write(PyObject* holder) { return handle->write(holder); }
};

/// What tiles_function() returns, but for the wrapping.
struct TilesTarget {
    SharedHandle handle;
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
[[gnu::no_sanitize("null")]]  // What ends a thread is thrown without an object.
#endif
PyObject* call_write(PyObject* capsule, PyObject* holder) {
    try {
        return PyBool_FromLong(static_cast<long>(target_in<Target>(capsule)->write(holder)));
#ifdef __GLIBCXX__
    } catch (const abi::__forced_unwind&) {  // The thread is being ended.
        throw;
#endif
    } catch (...) {
        set_python_error(std::current_exception());
        return nullptr;
    }
}

/// Target::write() as a function of CPython's own kind, which keeps the target. A method of pybind11's has to find the
/// types of what it is called with; from cold caches that takes as long as everything else in a write.
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

py::object write_function(const SharedHandle& handle) {
    static PyMethodDef definition{"write", &call_write<FrameTarget>, METH_O,
                                  "Take the one frame out of a list and queue it; False where it was dropped."};
    return make_function(definition, FrameTarget{handle});
}

/// As write_function(), for frames of tiles: the list holds one array for each or one of four axes for all.
py::object tiles_function(const SharedHandle& handle, std::int64_t width, std::int64_t height,
                          const std::vector<TileLayout::Position>& positions) {
    static PyMethodDef definition{
        "write_tiles", &call_write<TilesTarget>, METH_O,
        "Take the tiles of one frame out of a list and queue it; False where it was dropped."};
    return make_function(definition, TilesTarget{handle, TileLayout(width, height, positions)});
}

/// Completes every recording of this process.
void finish_all() {
    is_leaving = true;
    Engine::instance().set_ask_for_spent(nullptr);  // Soon there will be nobody to ask.
    for (const std::shared_ptr<Stream>& stream : Engine::instance().finish_all()) {
        wait_interruptibly([&](auto interval) { return stream->wait_until_done(interval); });
    }
    release_spent();
}

/// Whether nobody wants to wait any more for what is not complete.
std::atomic<bool> is_abandoned{false};

/// Completes what was begun after that, by destructors and daemon threads, and ends the worker threads. Python is gone:
/// nobody writes any more.
void complete_the_rest() noexcept {
    if (is_abandoned) return;
    try {
        for (const std::shared_ptr<Stream>& stream : Engine::instance().finish_all()) {
            while (!stream->wait_until_done(signal_interval)) {
            }
        }
        Engine::instance().stop_workers();
    } catch (const std::exception&) {  // The partial files hold what there is.
    }
}

}  // namespace

void register_stream(py::module_& module) {
    py::detail::npy_api::get();  // Now: an interpreter that is ending imports nothing.
    Py_AtExit(&complete_the_rest);
    let_workers_ask();
    py::class_<StreamHandle, SharedHandle>(module, "Stream")
        .def(py::init([](const std::optional<std::filesystem::path>& path, std::string muxer, std::string encoder,
                         std::string pixel_format, std::pair<int, int> fps, Options options, Metadata metadata,
                         std::optional<bool> copy, std::size_t max_pending_bytes, bool block, bool check_borrowed,
                         py::object convert) {
                 StreamConfig config;
                 config.encoder = {std::move(encoder), std::move(pixel_format), fps.first,
                                   fps.second,         std::move(options),      false};
                 config.file = {path.value_or(std::filesystem::path()), std::move(muxer), std::move(metadata)};
                 config.max_pending_bytes = max_pending_bytes;
                 config.check_borrowed = check_borrowed;
                 return std::make_shared<StreamHandle>(std::move(config), copy, block, std::move(convert));
             }),
             py::kw_only(), py::arg("path").none(true), py::arg("muxer"), py::arg("encoder"), py::arg("pixel_format"),
             py::arg("fps"), py::arg("options"), py::arg("metadata"), py::arg("copy").none(true),
             py::arg("max_pending_bytes"), py::arg("block"), py::arg("check_borrowed"), py::arg("convert"))
        .def("write_function", &write_function)
        .def("tiles_function", &tiles_function, py::arg("width"), py::arg("height"), py::arg("positions"))
        .def("add_metadata", &StreamHandle::add_metadata, py::arg("entries"))
        .def("belongs_here", &StreamHandle::belongs_here)
        .def("finish", &StreamHandle::finish)
        .def("wait", &StreamHandle::wait, py::arg("timeout_seconds") = py::none())
        .def("raise_untold_failure", &StreamHandle::raise_untold_failure)
        .def("result", &StreamHandle::result)
        .def("take_bytes", &StreamHandle::take_bytes)
        .def("stats", &StreamHandle::stats);
    module.def(
        "tile_sizes",
        [](const py::list& frames) {
            std::vector<std::pair<int, int>> sizes;
            for (const FrameSize size : tile_sizes(frames)) sizes.emplace_back(size.height, size.width);
            return sizes;
        },
        py::arg("frames"));
    module.def("finish_all", &finish_all);
    module.def("abandon_all", [] { is_abandoned = true; });
    module.def("wait_before_fork", [] {
        const GilReleased no_gil;
        Engine::wait_before_fork();
    });
    module.def("start_over_after_fork", [] {
        is_leaving = false;
        is_abandoned = false;
        let_workers_ask();  // This makes the engine, on the thread that forked, whose CPUs are the process's.
    });
}

}  // namespace gymreel

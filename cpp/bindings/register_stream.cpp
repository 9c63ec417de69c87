#include "register.hpp"

#include "numpy_frame.hpp"

#include <core/engine.hpp>
#include <core/pack.hpp>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <chrono>
#include <optional>

namespace py = pybind11;

namespace gymreel {
namespace {

using namespace std::chrono_literals;

// How often a call that waits looks whether Ctrl-C was pressed.
constexpr std::chrono::milliseconds signal_interval = 50ms;

/// Lets go of frames that were encoded meanwhile. With the GIL, on the thread that writes: the environment's next
/// render() finds their memory free again.
void release_spent() {
    for (const PendingFrame& frame : Engine::instance().take_spent()) Py_DECREF(static_cast<PyObject*>(frame.owner));
}

/// Waits without the GIL until `wait(interval)` is true. Errors: what a signal handler raised.
template <typename Wait>
void wait_interruptibly(Wait wait) {
    for (;;) {
        bool is_over = false;
        {
            const py::gil_scoped_release no_gil;
            is_over = wait(signal_interval);
        }
        release_spent();
        if (is_over) return;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    }
}

/// Python's hold on a stream. When the last one goes the stream finishes in the background.
class StreamHandle {
public:
    explicit StreamHandle(StreamConfig config)
        : generation_(Engine::generation()), stream_(Engine::instance().open(std::move(config))) {}

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

    bool write(const py::list& holder, std::optional<bool> copy, bool block) {
        const std::shared_ptr<Stream>& stream = own_stream();
        release_spent();
        if (holder.size() != 1) throw py::value_error("holder must be a list of one frame");
        const FrameView view = view_of(holder[0]);
        const bool borrow = copy.has_value() ? !*copy : can_borrow(PyList_GET_ITEM(holder.ptr(), 0));
        const auto frame = py::reinterpret_borrow<py::object>(PyList_GET_ITEM(holder.ptr(), 0));
        if (PyList_SetSlice(holder.ptr(), 0, 1, nullptr) != 0) throw py::error_already_set();
        return borrow ? write_borrowed(stream, view, frame, block) : write_copied(stream, view, block);
    }

    void finish() {
        if (is_foreign()) return;
        Engine::instance().finish(stream_);
        release_spent();
    }

    void wait() {
        const std::shared_ptr<Stream>& stream = own_stream();
        wait_interruptibly([&](auto interval) { return stream->wait_until_done(interval); });
    }

    void raise_failure() const {
        if (is_foreign()) return;
        if (const std::optional<ErrorInfo> failure = stream_->failure()) throw Error(*failure);
    }

    py::object result() const {
        if (is_foreign()) return py::none();
        release_spent();
        const std::optional<StreamResult> result = stream_->result();
        if (!result) return py::none();
        return py::make_tuple(result->path, result->num_frames, result->num_bytes, result->width, result->height);
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

    /// Tries to write until it worked. False where there was no room and the caller would rather go on without.
    template <typename Write>
    static bool write_when_room(const std::shared_ptr<Stream>& stream, const FrameView& view, bool block, Write write) {
        while (!write()) {
            if (!block) {
                stream->count_dropped();
                return false;
            }
            wait_interruptibly([&](auto interval) { return stream->wait_for_room(packed_size(view), interval); });
        }
        return true;
    }

    static bool write_borrowed(const std::shared_ptr<Stream>& stream, const FrameView& view, py::object frame,
                               bool block) {
        const bool taken =
            write_when_room(stream, view, block, [&] { return Engine::instance().write(stream, view, frame.ptr()); });
        if (taken) frame.release();  // The token is the stream's now, until release_spent().
        return taken;
    }

    static bool write_copied(const std::shared_ptr<Stream>& stream, const FrameView& view, bool block) {
        return write_when_room(stream, view, block, [&] {
            const py::gil_scoped_release no_gil;
            return Engine::instance().write_copy(stream, view);
        });
    }

    unsigned generation_;
    std::shared_ptr<Stream> stream_;
};

/// Completes every recording of this process and ends the worker threads.
void finish_all() {
    for (const std::shared_ptr<Stream>& stream : Engine::instance().finish_all()) {
        wait_interruptibly([&](auto interval) { return stream->wait_until_done(interval); });
    }
    {
        const py::gil_scoped_release no_gil;
        Engine::instance().stop_workers();
    }
    release_spent();
}

}  // namespace

void register_stream(py::module_& module) {
    py::class_<StreamHandle>(module, "Stream")
        .def(py::init([](const std::optional<std::filesystem::path>& path, std::string muxer, std::string encoder,
                         std::string pixel_format, std::pair<int, int> fps, Options options, Metadata metadata,
                         std::size_t max_pending_bytes) {
                 StreamConfig config;
                 config.encoder = {std::move(encoder), std::move(pixel_format), fps.first,
                                   fps.second,         std::move(options),      false};
                 config.file = {path.value_or(std::filesystem::path()), std::move(muxer), std::move(metadata)};
                 config.max_pending_bytes = max_pending_bytes;
                 return std::make_unique<StreamHandle>(std::move(config));
             }),
             py::kw_only(), py::arg("path").none(true), py::arg("muxer"), py::arg("encoder"), py::arg("pixel_format"),
             py::arg("fps"), py::arg("options"), py::arg("metadata"), py::arg("max_pending_bytes"))
        .def("write", &StreamHandle::write, py::arg("holder"), py::arg("copy").none(true), py::arg("block"))
        .def("belongs_here", &StreamHandle::belongs_here)
        .def("finish", &StreamHandle::finish)
        .def("wait", &StreamHandle::wait)
        .def("raise_failure", &StreamHandle::raise_failure)
        .def("result", &StreamHandle::result)
        .def("take_bytes", &StreamHandle::take_bytes)
        .def("stats", &StreamHandle::stats);
    module.def("finish_all", &finish_all);
    module.def("start_over_after_fork", &Engine::start_over_after_fork);
}

}  // namespace gymreel

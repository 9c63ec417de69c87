#include "bindings/stream_handle.hpp"

#include "bindings/gil_released.hpp"
#include "bindings/interruptible_wait.hpp"
#include "bindings/leaving.hpp"
#include "bindings/numpy_frame.hpp"
#include "bindings/spent_arrays.hpp"
#include "core/engine/engine.hpp"
#include "core/pixels/frame_pixels.hpp"

#include <pybind11/numpy.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace gymreel {
namespace {

std::shared_ptr<Stream> open_stream(StreamConfig config) {
    const GilReleased no_gil;
    return Engine::instance().open(std::move(config));
}

}  // namespace

StreamHandle::StreamHandle(StreamConfig config, std::optional<bool> copy, bool block, py::object convert)
    : copy_(copy),
      block_(block),
      takes_16_bits_(config.encoder.pixel_format == "gray16le"),
      convert_(std::move(convert)),
      generation_(Engine::generation()),
      stream_(open_stream(std::move(config))) {}

StreamHandle::~StreamHandle() {
    if (is_foreign()) {
        // The stream, its lock and its file are the parent's: nothing of them may be touched, not even to free them.
        [[maybe_unused]] const auto* const left_alone =
            std::make_unique<std::shared_ptr<Stream>>(std::move(stream_)).release();
        return;
    }
    try {
        Engine::instance().finish(stream_);
    } catch (const std::exception&) {  // No thread could be started; the partial file holds what there is.
    }
}

bool StreamHandle::is_foreign() const noexcept { return generation_ != Engine::generation(); }

const std::shared_ptr<Stream>& StreamHandle::own_stream() const {
    if (is_foreign()) {
        throw Error(ErrorKind::closed, "write",
                    "this writer belongs to the process that was forked; make a new one here");
    }
    return stream_;
}

bool StreamHandle::write(PyObject* holder) {
    const std::shared_ptr<Stream>& stream = own_stream();
    release_spent();
    if (!PyList_Check(holder) || PyList_GET_SIZE(holder) != 1) {
        throw py::type_error("holder must be a list of one frame");
    }
    PyObject* const held = PyList_GET_ITEM(holder, 0);
    const bool has_16_bits = takes_16_bits_ && is_uint16_array(held);
    if (!has_16_bits && !is_uint8_array(held)) return write_converted(stream, holder);
    const FrameView view = has_16_bits ? view_of_16_bits(held) : view_of(held);
    const bool borrow = copy_.has_value() ? !*copy_ : can_borrow(held);
    const auto frame = py::reinterpret_borrow<py::object>(held);
    if (PyList_SetSlice(holder, 0, 1, nullptr) != 0) throw py::error_already_set();
    return queue(stream, view, borrow, frame);
}

bool StreamHandle::write_tiles(TileLayout& layout, PyObject* holder) {
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

void StreamHandle::finish() {
    if (is_foreign()) return;
    Engine::instance().finish(stream_);
    release_spent();
}

bool StreamHandle::wait(std::optional<double> timeout_seconds) {
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

void StreamHandle::raise_untold_failure() {
    const std::optional<ErrorInfo> failure = own_stream()->failure();
    if (failure && !is_failure_told_.exchange(true)) throw Error(*failure);
}

py::object StreamHandle::result() const {
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

py::bytes StreamHandle::take_bytes() {
    const std::vector<std::uint8_t> bytes = own_stream()->take_bytes();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

py::dict StreamHandle::stats() const {
    const StreamStats stats = own_stream()->stats();
    release_spent();
    return py::dict(py::arg("num_written") = stats.num_written, py::arg("num_encoded") = stats.num_encoded,
                    py::arg("num_dropped") = stats.num_dropped, py::arg("num_borrowed") = stats.num_borrowed,
                    py::arg("num_copied") = stats.num_copied, py::arg("num_pending") = stats.num_pending,
                    py::arg("pending_bytes") = stats.pending_bytes, py::arg("num_bytes") = stats.num_bytes);
}

/// write() for an object that is no array of uint8.
bool StreamHandle::write_converted(const std::shared_ptr<Stream>& stream, PyObject* holder) {
    PyObject* const held = PyList_GET_ITEM(holder, 0);
    if (py::isinstance<py::array>(held)) view_of(held);  // Rejects a wrong shape before the cost of a conversion.
    const py::object frame = convert(held, {});
    const FrameView view = is_uint8_array(frame) ? view_of(frame) : view_of_16_bits(frame);
    if (PyList_SetSlice(holder, 0, PyList_GET_SIZE(holder), nullptr) != 0) throw py::error_already_set();
    return queue(stream, view, false, frame);
}

/// Returns `frame`, which is no array of uint8, as one. Errors: what the function raises if that cannot be.
py::object StreamHandle::convert(py::handle frame, const std::string& name) const {
    py::object converted = convert_(frame, name);
    if (!is_uint8_array(converted) && !(takes_16_bits_ && name.empty() && is_uint16_array(converted))) {
        throw py::type_error("convert must return a numpy array of uint8");
    }
    return converted;
}

/// Replaces what is no array of uint8 by what convert() returns for it. Returns whether there was any.
bool StreamHandle::convert_all(const py::list& frames) const {
    bool is_any = false;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        PyObject* const frame = PyList_GET_ITEM(frames.ptr(), static_cast<Py_ssize_t>(i));
        if (is_uint8_array(frame)) continue;
        frames[i] = convert(frame, name_of_array(frames, i));
        is_any = true;
    }
    return is_any;
}

/// Queues the pixels, which `owner` keeps alive, or a copy of them. Returns false if they were dropped.
bool StreamHandle::queue(const std::shared_ptr<Stream>& stream, const FramePixels& pixels, bool borrow,
                         const py::object& owner) {
    try {
        return borrow ? write_borrowed(stream, pixels, owner) : write_copied(stream, pixels);
    } catch (const Error& error) {
        const ErrorKind kind = error.info().kind;
        if (kind == ErrorKind::closed) stop_if_left_behind();
        // Any other error than these two is the failure of the stream.
        if (kind != ErrorKind::closed && kind != ErrorKind::frame_shape) is_failure_told_ = true;
        throw;
    }
}

/// Calls `write` until it returns true. Returns false if there was no room and the caller does not want to wait.
template <typename Write>
bool StreamHandle::write_when_room(const std::shared_ptr<Stream>& stream, std::size_t num_bytes, Write write) const {
    while (!write()) {
        if (!block_) {
            stream->count_dropped();
            return false;
        }
        wait_interruptibly([&](auto interval) { return stream->wait_for_room(num_bytes, interval); });
    }
    return true;
}

bool StreamHandle::write_borrowed(const std::shared_ptr<Stream>& stream, const FramePixels& pixels,
                                  py::object owner) const {
    const bool taken = write_when_room(stream, packed_size(pixels),
                                       [&] { return Engine::instance().write(stream, pixels, owner.ptr()); });
    if (taken) owner.release();  // The token is the stream's now, until release_spent().
    return taken;
}

bool StreamHandle::write_copied(const std::shared_ptr<Stream>& stream, const FramePixels& pixels) const {
    return write_when_room(stream, copied_size(pixels), [&] {
        const GilReleased no_gil;
        return Engine::instance().write_copy(stream, pixels);
    });
}

}  // namespace gymreel

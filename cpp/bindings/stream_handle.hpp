#pragma once

#include "bindings/tile_layout.hpp"
#include "core/engine/stream.hpp"

#include <pybind11/pybind11.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace gymreel {

/// Python's reference to a stream: takes arrays from Python's objects and errors back to them.
///
/// Ownership: keeps the stream alive. When the handle is destroyed, the stream finishes in the background.
/// Thread: any that has the GIL, which is released while a call waits.
/// Errors: Error (closed) in a forked child, where the stream is the parent's; py::error_already_set with what a signal
/// handler raised while a call waited.
class StreamHandle {
public:
    /// `copy`: whether frames are copied; without a value, those that somebody else can still reach. `block`: whether
    /// write() waits for room. `convert(object, name)` returns an array of uint8 for an object that is none, whose name
    /// is for messages.
    StreamHandle(StreamConfig config, std::optional<bool> copy, bool block, pybind11::object convert);
    ~StreamHandle();
    StreamHandle(const StreamHandle&) = delete;
    StreamHandle& operator=(const StreamHandle&) = delete;

    /// False in a forked child.
    bool belongs_here() const noexcept { return !is_foreign(); }

    /// Takes the one frame out of the list `holder`, so that the stream may get the last reference to it. Returns false
    /// if the frame was dropped. A frame whose type or shape is wrong stays in the list.
    ///
    /// Errors: Error (frame_type, frame_shape, closed, or the failure of the stream).
    bool write(PyObject* holder);

    /// Takes the tiles of one frame out of the list `holder`. Otherwise like write().
    bool write_tiles(TileLayout& layout, PyObject* holder);

    void add_metadata(const Metadata& entries) { own_stream()->add_metadata(entries); }

    /// Starts to finish the stream. Does nothing in a forked child.
    void finish();

    /// Waits until a finished stream is done, without a limit if there is no timeout. Returns whether it is.
    bool wait(std::optional<double> timeout_seconds);

    /// Throws the failure of the stream, unless this method or write() did so before.
    void raise_untold_failure();

    /// Returns a tuple (path, num_frames, num_bytes, width, height, is_superseded), or None if the stream is not done.
    pybind11::object result() const;

    /// Returns the file of a stream in memory that is done.
    pybind11::bytes take_bytes();

    pybind11::dict stats() const;

private:
    bool is_foreign() const noexcept;
    const std::shared_ptr<Stream>& own_stream() const;
    bool write_converted(const std::shared_ptr<Stream>& stream, PyObject* holder);
    pybind11::object convert(pybind11::handle frame, const std::string& name) const;
    bool convert_all(const pybind11::list& frames) const;
    bool queue(const std::shared_ptr<Stream>& stream, const FramePixels& pixels, bool borrow,
               const pybind11::object& owner);
    template <typename Write>
    bool write_when_room(const std::shared_ptr<Stream>& stream, std::size_t num_bytes, Write write) const;
    bool write_borrowed(const std::shared_ptr<Stream>& stream, const FramePixels& pixels, pybind11::object owner) const;
    bool write_copied(const std::shared_ptr<Stream>& stream, const FramePixels& pixels) const;

    std::optional<bool> copy_;
    bool block_;
    bool takes_16_bits_;
    pybind11::object convert_;
    unsigned generation_;
    std::shared_ptr<Stream> stream_;
    std::atomic<bool> is_failure_told_{false};
};

}  // namespace gymreel

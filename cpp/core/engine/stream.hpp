#pragma once

#include "core/encoding/encoder.hpp"
#include "core/encoding/encoder_threads.hpp"
#include "core/engine/held_frames.hpp"
#include "core/engine/memory_budget.hpp"
#include "core/engine/pace.hpp"
#include "core/engine/pending_frame.hpp"
#include "core/engine/resting_streams.hpp"
#include "core/error.hpp"
#include "core/file/recording_file.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace gymreel {

struct StreamConfig {
    EncoderConfig encoder;  ///< A scale of 0 stands for auto_scale() of the first frame.
    FileConfig file;
    std::size_t max_pending_bytes = 0;  ///< The limit for the memory of the stream's waiting frames.
    bool check_borrowed = false;        ///< Whether to fail if a borrowed frame changes before it is encoded.
};

/// Counts of one stream. `num_written` is the sum of `num_borrowed` and `num_copied`, which do not include dropped
/// frames.
struct StreamStats {
    std::uint64_t num_written = 0;
    std::uint64_t num_encoded = 0;
    std::uint64_t num_dropped = 0;
    std::uint64_t num_borrowed = 0;
    std::uint64_t num_copied = 0;
    std::uint64_t num_pending = 0;
    std::uint64_t pending_bytes = 0;
    std::int64_t num_bytes = 0;
};

/// The outcome of a stream that is done.
struct StreamResult {
    std::filesystem::path path;  ///< The partial file if the recording could not be completed; empty for memory.
    std::uint64_t num_frames = 0;
    std::int64_t num_bytes = 0;
    int width = 0;
    int height = 0;
    bool is_superseded = false;  ///< Whether the file at `path` is that of a later recording.
};

/// What the engine provides for a slice.
struct SliceContext {
    SpentFrames& spent;
    std::atomic<int>& num_encoders;  ///< Number of open encoders in this process.
    int num_threads = 1;             ///< Number of threads that all encoders share.
};

/// One recording: its queue of frames, its encoder and file, its first failure and its counts.
///
/// Ownership: accepted owner tokens belong to the stream until they come back through SpentFrames.
/// Thread: the methods of the calling side may be called on any thread. The engine calls run_slice() on one worker at a
/// time, and complete() on one thread after the last slice.
/// Errors: the first failure is kept. After it, frames are refused with this failure. What is in the file by then is
/// kept and completed if possible.
class Stream {
public:
    enum class Enqueued {
        full,      ///< Not taken, because there is no room. The token stays with the caller.
        waiting,   ///< Taken. A worker has the stream, or it is in the line.
        schedule,  ///< Taken. The caller must put the stream into the line.
    };

    /// `budget` is shared by all streams and must outlive them.
    Stream(StreamConfig config, MemoryBudget& budget)
        : config_(std::move(config)), budget_(budget), claim_(config_.file.path) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // The calling side.

    /// Queue a borrowed frame.
    ///
    /// Errors: Error (frame_shape, closed, or the failure of the stream), after which the token stays with the caller.
    Enqueued enqueue(const FramePixels& pixels, OwnerToken owner);

    /// Queue a copy of the frame, which is made before the call returns. Tiles become one picture.
    ///
    /// Errors: as for enqueue(); std::bad_alloc.
    Enqueued enqueue_copy(const FramePixels& pixels);

    /// Count a frame that the caller does not write because there is no room.
    void count_dropped();

    /// Wait at most for `timeout` until there is room for `num_bytes` or the stream refuses frames. Return whether it
    /// is worth trying again.
    bool wait_for_room(std::size_t num_bytes, std::chrono::milliseconds timeout);

    /// Add entries to the metadata of the complete file.
    ///
    /// Errors: Error (closed), unless the stream has failed.
    void add_metadata(const Metadata& entries);

    /// Accept no further frames. Return whether the caller must put the stream into the line. Idempotent.
    bool finish();

    /// Wait at most for `timeout` until the stream is done, and return whether it is. finish() must have been called.
    bool wait_until_done(std::chrono::milliseconds timeout);

    StreamStats stats() const;
    std::optional<ErrorInfo> failure() const;
    std::optional<StreamResult> result() const;  ///< Nothing until the stream is done.
    std::vector<std::uint8_t> take_bytes();      ///< Of a stream in memory that is done.

    // The worker's side.

    enum class Left {
        nothing,    ///< The queue is empty. The next enqueue() or finish() schedules the stream.
        some,       ///< Frames are left, and more may come.
        last,       ///< Frames are left, and no more will come.
        completion  ///< Every frame is encoded. complete() must be called.
    };

    /// Encode queued frames for the length of a slice. If none is queued, bring into the file what has been held back
    /// for too long.
    Left run_slice(const SliceContext& context) noexcept;

    /// Return when run_slice() must be called again even if no frame comes. Nothing if a worker has the stream, or if
    /// nothing is held back.
    std::optional<RestingStreams::Time> rests_until() const noexcept;

    /// Note that this time has come. Return whether the caller must put the stream into the line.
    bool end_rest() noexcept;

    /// Turn the partial file into the complete one, after which the stream is done. May wait for the disk for long.
    void complete() noexcept;

    /// Fail and complete the stream, because no worker can be started for it.
    void give_up(SpentFrames& spent) noexcept;

private:
    friend class StreamLine;
    friend class RestingStreams;

    /// A stream moves through these in order and never back.
    enum class State {
        open,       ///< Takes frames.
        finishing,  ///< Takes no more frames. Queued frames are still being encoded.
        done        ///< The file is complete, or as complete as it will get.
    };

    int scale_of(FrameSize size) const noexcept;
    void check_writable(FrameSize size) const;
    bool has_own_room(std::size_t num_bytes) const;
    bool reserve(std::size_t num_bytes);
    void give_back(std::size_t num_bytes) noexcept;
    Enqueued push(FrameList& frame, FrameSize size);
    void encode(FrameList& frame, const SliceContext& context);
    void check_unchanged(const PendingFrame& frame) const;
    void open_output(FrameSize size, const SliceContext& context);
    void write_packet(AVPacket& packet);
    void save_what_is_due(bool is_idle);
    void end_fragment();
    void drain();
    void end_encoding() noexcept;
    bool is_file_sound() const;
    void fail(ErrorInfo info) noexcept;
    void fail_with(const std::exception_ptr& reason) noexcept;
    void release(FrameList& frame, SpentFrames& spent) noexcept;
    template <typename Action>
    void attempt(Action action) noexcept;

    StreamConfig config_;
    MemoryBudget& budget_;
    // Used by StreamLine and RestingStreams only. They are here so that neither needs to allocate memory.
    std::shared_ptr<Stream> next_in_line_;
    RestingStreams::Place resting_place_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;  // There is more room, or another state.
    State state_ = State::open;
    bool is_scheduled_ = false;  // Whether a worker has the stream, or it is in the line.
    FrameList queue_;
    FrameList free_frames_;  // Copied frames that were encoded, whose memory is used again.
    StreamStats stats_;
    std::optional<ErrorInfo> failure_;
    std::optional<StreamResult> result_;
    std::optional<RestingStreams::Time> rests_until_;
    Metadata late_metadata_;
    std::vector<std::uint8_t> bytes_;  // Of a stream in memory that is done.
    int width_ = 0;                    // Of the first frame, before it is magnified; 0 before there is one.
    int height_ = 0;
    // The mutex does not protect what follows.

    TargetClaim claim_;  // Has a lock of its own.

    // Used only by the thread that runs the slice or completes the stream.
    std::optional<EncoderCount> encoder_count_;
    std::optional<Encoder> encoder_;
    std::optional<RecordingFile> file_;
    HeldFrames held_;
    Pace pace_;
};

}  // namespace gymreel

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
    EncoderConfig encoder;
    FileConfig file;
    std::size_t max_pending_bytes = 0;  ///< Frames that wait for the encoder may take this much memory.
    bool check_borrowed = false;        ///< Fail when a borrowed frame has changed until it is encoded.
};

/// Counts of one stream. `num_written` = `num_borrowed` + `num_copied`; dropped frames are in neither.
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

/// What a stream has become once it is done.
struct StreamResult {
    std::filesystem::path path;  ///< The partial file where the recording could not be completed; empty for memory.
    std::uint64_t num_frames = 0;
    std::int64_t num_bytes = 0;
    int width = 0;
    int height = 0;
    bool is_superseded = false;  ///< The file at `path` is, by now, that of a recording which began later.
};

/// What a worker brings along.
struct SliceContext {
    SpentFrames& spent;
    std::atomic<int>& num_encoders;  ///< That are open in the whole process,
    int num_threads = 1;             ///< and the threads that they share.
};

/// One output: its queue, its state, its first error, its statistics.
///
/// Ownership: accepted owner tokens belong to the stream until they come back through SpentFrames.
/// Thread: the calling side may be any threads; run_slice() is for one worker at a time (the engine sees to it), and
/// complete() for whoever comes after the last one.
/// Errors: the first failure sticks; after it frames are refused and failure() tells it. What had reached the file
/// before stays, and is completed where that is possible.
class Stream {
public:
    enum class Enqueued {
        full,      ///< Not taken: no room. The token stays with the caller.
        waiting,   ///< Taken; a worker has the stream or will have it.
        schedule,  ///< Taken; the caller must give the stream to a worker.
    };

    /// `budget` is shared by all streams and outlives them.
    Stream(StreamConfig config, MemoryBudget& budget)
        : config_(std::move(config)), budget_(budget), claim_(config_.file.path) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    // The calling side.

    /// Queues a borrowed frame.
    ///
    /// Errors: Error (frame_shape, closed, or the failure of the stream); the token then stays with the caller.
    Enqueued enqueue(const FramePixels& pixels, OwnerToken owner);

    /// Queues a copy of the frame, made before the call returns; tiles become one picture. Errors: as above, std::bad_alloc.
    Enqueued enqueue_copy(const FramePixels& pixels);

    /// Counts a frame that the caller gave up on.
    void count_dropped();

    /// Waits for room for a frame of that size, at most `timeout`. True where trying again may succeed, or fail for good.
    bool wait_for_room(std::size_t num_bytes, std::chrono::milliseconds timeout);

    /// Adds entries that are known only now to the metadata of the complete file.
    ///
    /// Errors: Error (closed), unless the stream has failed.
    void add_metadata(const Metadata& entries);

    /// No frames will follow. True where the caller must give the stream to a worker. Idempotent.
    bool finish();

    /// Waits at most `timeout` until a finished stream is done.
    bool wait_until_done(std::chrono::milliseconds timeout);

    StreamStats stats() const;
    std::optional<ErrorInfo> failure() const;
    std::optional<StreamResult> result() const;  ///< Nothing until the stream is done.
    std::vector<std::uint8_t> take_bytes();      ///< Of a stream in memory that is done.

    // The worker's side.

    enum class Left {
        nothing,    ///< The stream is the calling side's again, whose next enqueue() or finish() schedules it.
        some,       ///< More is left to do, and more may come.
        last,       ///< More is left to do, and no frame will follow.
        completion  ///< Everything is encoded, and complete() is to be called.
    };

    /// Works on the queue for a while. Without a queue it brings into the file what has been held back for too long.
    Left run_slice(const SliceContext& context) noexcept;

    /// When run_slice() has to be called again although no frame has come, by a stream that nobody works on: else, or
    /// where that is not necessary, nothing.
    std::optional<RestingStreams::Time> rests_until() const noexcept;

    /// The time has come. True where the caller must give the stream to a worker.
    bool end_rest() noexcept;

    /// Turns the partial file into the complete one, after which the stream is done. May wait for the disk for long.
    void complete() noexcept;

    /// In place of a slice where there is no thread for one: the stream fails and is done.
    void give_up(SpentFrames& spent) noexcept;

private:
    friend class StreamLine;
    friend class RestingStreams;

    /// A stream moves through these in order and never back.
    enum class State {
        open,       ///< Takes frames.
        finishing,  ///< Takes no more; those queued are still being encoded.
        done        ///< The file is complete, or as complete as it will get.
    };

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
    // The line's and the resting streams', not ours: so that standing in line and resting need no memory.
    std::shared_ptr<Stream> next_in_line_;
    RestingStreams::Place resting_place_;

    mutable std::mutex mutex_;
    std::condition_variable changed_;  // Room was made, or the state changed.
    State state_ = State::open;
    bool is_scheduled_ = false;  // A worker has the stream, or it waits for one.
    FrameList queue_;
    FrameList free_frames_;  // Of copied frames, for the sake of their memory.
    StreamStats stats_;
    std::optional<ErrorInfo> failure_;
    std::optional<StreamResult> result_;
    std::optional<RestingStreams::Time> rests_until_;
    Metadata late_metadata_;
    std::vector<std::uint8_t> bytes_;  // Of a stream in memory that is done.
    int width_ = 0;                    // Of the first frame; 0 before it.
    int height_ = 0;
    // From here on not under the mutex.

    TargetClaim claim_;  // Has a lock of its own.

    // Touched by the thread that runs the slice or completes the stream, and by no other.
    std::optional<EncoderCount> encoder_count_;
    std::optional<Encoder> encoder_;
    std::optional<RecordingFile> file_;
    HeldFrames held_;
    Pace pace_;
};

}  // namespace gymreel

#pragma once

namespace gymreel {

// What becomes of recordings when the interpreter ends. finish_all() runs as an atexit function, while threads of Python
// may still write; complete_the_rest() runs when Python is gone.

/// Completes every recording of this process.
///
/// Thread: one that has the GIL. Errors: py::error_already_set, with what a signal handler raised.
void finish_all();

/// Leaves incomplete what is not complete yet: nobody wants to wait for it any more.
void abandon_all() noexcept;

/// Completes what was begun after finish_all(), by destructors and daemon threads, and ends the worker threads.
void complete_the_rest() noexcept;

/// Makes a forked child forget that its parent was leaving.
void stay_after_fork() noexcept;

/// Stops the calling thread for good if it is a daemon thread that outlives finish_all(). It cannot be told that its
/// writer is closed, and a moment later Python itself would stop it.
///
/// Thread: one that has the GIL.
void stop_if_left_behind();

}  // namespace gymreel

#pragma once

namespace gymreel {

// What happens to recordings when the interpreter ends. finish_all() is called by an atexit function, while Python's
// threads may still write. complete_the_rest() runs after the interpreter has ended.

/// Finish every recording of this process and wait until all are complete.
///
/// Thread: one that has the GIL. Errors: py::error_already_set, with what a signal handler raised.
void finish_all();

/// Give up waiting: recordings that are not complete yet stay partial files.
void abandon_all() noexcept;

/// Complete what destructors and daemon threads have begun after finish_all(), and end the worker threads.
///
/// Thread: the one that ends the process. Errors: none; the partial files hold what cannot be completed.
void complete_the_rest() noexcept;

/// Reset this state in a forked child, whose parent may have been ending.
void stay_after_fork() noexcept;

/// Let the calling thread sleep for ever if it is a daemon thread that is still running after finish_all(). It should
/// not get an error because its writer is closed, and Python itself would stop it a moment later.
///
/// Thread: one that has the GIL.
void stop_if_left_behind();

}  // namespace gymreel

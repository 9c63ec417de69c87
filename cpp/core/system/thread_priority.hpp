#pragma once

namespace gymreel {

enum class ThreadPriority {
    normal,     ///< The priority of the thread that started it.
    background  ///< Lower, so that threads of normal priority, such as the training loop, come first.
};

/// Set the priority of the calling thread, which threads that it starts inherit. A thread of the background cannot
/// return to normal, because raising a priority needs privileges.
///
/// Errors: none. If the system refuses, the thread stays as it is.
void set_current_thread_priority(ThreadPriority priority) noexcept;

}  // namespace gymreel

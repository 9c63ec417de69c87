#pragma once

namespace gymreel {

enum class ThreadPriority {
    normal,     ///< As the thread that started it.
    background  ///< Gives way to threads of normal priority, such as the training loop.
};

/// Sets the priority of the calling thread, as far as the system can. Threads that it starts inherit it.
///
/// Errors: none; a system that refuses leaves the thread as it is. Only lowering works without privileges.
void set_current_thread_priority(ThreadPriority priority) noexcept;

}  // namespace gymreel

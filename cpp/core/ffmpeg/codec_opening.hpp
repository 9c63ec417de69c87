#pragma once

#include <mutex>

namespace gymreel {

/// Held while FFmpeg opens a codec under a lock of its own that nobody can reach: a process that is forked meanwhile
/// would have a child in which no codec can ever be opened. Whoever forks takes this first, see Engine::instance().
///
/// Thread: any.
inline std::mutex& codec_opening() {
    static std::mutex mutex;
    return mutex;
}

}  // namespace gymreel

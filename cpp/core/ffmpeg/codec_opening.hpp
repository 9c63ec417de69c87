#pragma once

#include <mutex>

namespace gymreel {

/// Return the mutex to hold while FFmpeg opens a codec. FFmpeg then holds a lock of its own that nothing outside can
/// reach; if the process forked meanwhile, the child could never open a codec. So fork handlers take this mutex first;
/// see Engine::instance().
///
/// Thread: any.
inline std::mutex& codec_opening() {
    static std::mutex mutex;
    return mutex;
}

}  // namespace gymreel

#pragma once

#include <atomic>

namespace gymreel {

/// One count among the open encoders of the process, for as long as it lives.
///
/// Ownership: borrows the counter, which must outlive it. Thread: any. Errors: none.
class EncoderCount {
public:
    explicit EncoderCount(std::atomic<int>& count) noexcept : count_(count) { ++count_; }
    ~EncoderCount() { --count_; }
    EncoderCount(const EncoderCount&) = delete;
    EncoderCount& operator=(const EncoderCount&) = delete;

private:
    std::atomic<int>& count_;
};

/// Return how many threads an encoder for frames of this size should use, when `num_encoders` share `num_threads`.
/// Small frames gain nothing from more threads. An encoder that chose by itself would count all CPUs of the machine.
///
/// Thread: any. Errors: none.
int choose_encoder_threads(int width, int height, int num_threads, int num_encoders) noexcept;

/// Check that `num_threads` threads can be started, by starting them all at once and ending them again.
///
/// Thread: any.
/// Errors: Error (encode) if the system refuses; std::bad_alloc.
void check_threads_can_start(int num_threads);

}  // namespace gymreel

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace gymreel::fuzz {

/// What the first byte of an input of fuzz_recovery chooses from.
constexpr std::array<const char*, 5> muxers{"mp4", "matroska", "gif", "mov", "webm"};

/// Ends the process, as the sanitizers do, so that the fuzzer keeps the input.
[[noreturn]] inline void fail(const char* what, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    std::abort();
}

/// Decisions made by the bytes of an input. Once they are used up, every decision is the first.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : next_(data), end_(data + size) {}

    bool is_empty() const { return next_ == end_; }
    int byte() { return is_empty() ? 0 : *next_++; }

    /// Both limits included.
    int between(int least, int most) {
        const int range = most - least + 1;
        const int value = range <= 256 ? byte() : byte() * 256 + byte();
        return least + value % range;
    }

    template <typename T, std::size_t count>
    const T& one_of(const std::array<T, count>& choices) {
        return choices[static_cast<std::size_t>(between(0, static_cast<int>(count) - 1))];
    }

private:
    const std::uint8_t* next_;
    const std::uint8_t* end_;
};

}  // namespace gymreel::fuzz

/// An assertion that no build leaves out.
#define GYMREEL_FUZZ_CHECK(condition) \
    ((condition) ? static_cast<void>(0) : gymreel::fuzz::fail(#condition, __FILE__, __LINE__))

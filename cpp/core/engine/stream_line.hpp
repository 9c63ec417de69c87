#pragma once

#include "core/engine/stream.hpp"

#include <memory>
#include <utility>

namespace gymreel {

/// A queue of streams that wait for a worker or a completer. A stream is in at most one line at a time.
///
/// Ownership: keeps its streams alive.
/// Thread: one at a time.
/// Errors: none. It allocates no memory: the links are members of the streams.
class StreamLine {
public:
    StreamLine() = default;
    ~StreamLine() {
        while (pop_front() != nullptr) {
        }
    }
    StreamLine(StreamLine&& other) noexcept { swap(other); }
    StreamLine& operator=(StreamLine&&) = delete;
    StreamLine(const StreamLine&) = delete;
    StreamLine& operator=(const StreamLine&) = delete;

    bool empty() const noexcept { return size_ == 0; }
    int size() const noexcept { return size_; }

    void push_front(std::shared_ptr<Stream> stream) noexcept {
        Stream* const added = stream.get();
        added->next_in_line_ = std::move(first_);
        first_ = std::move(stream);
        if (size_++ == 0) last_ = added;
    }

    void push_back(std::shared_ptr<Stream> stream) noexcept {
        Stream* const added = stream.get();
        (last_ != nullptr ? last_->next_in_line_ : first_) = std::move(stream);
        last_ = added;
        ++size_;
    }

    /// Return the first stream, or null if the line is empty.
    std::shared_ptr<Stream> pop_front() noexcept {
        std::shared_ptr<Stream> stream = std::move(first_);
        if (stream == nullptr) return stream;
        first_ = std::move(stream->next_in_line_);
        if (--size_ == 0) last_ = nullptr;
        return stream;
    }

    void swap(StreamLine& other) noexcept {
        std::swap(first_, other.first_);
        std::swap(last_, other.last_);
        std::swap(size_, other.size_);
    }

private:
    std::shared_ptr<Stream> first_;
    Stream* last_ = nullptr;
    int size_ = 0;
};

}  // namespace gymreel

#pragma once

#include <chrono>
#include <map>
#include <memory>

namespace gymreel {

class Stream;

/// Streams that a worker has to look at again at a certain time, in the order of these times.
///
/// Ownership: keeps its streams alive.
/// Thread: one at a time.
/// Errors: none. It allocates no memory: each stream owns the node for its entry.
class RestingStreams {
public:
    using Time = std::chrono::steady_clock::time_point;

private:
    using Entries = std::multimap<Time, std::shared_ptr<Stream>>;

public:
    /// The node for the entry of one stream, which the stream owns.
    ///
    /// Errors: std::bad_alloc from the constructor.
    class Place {
    public:
        Place() {
            Entries entries;
            entries.emplace(Time(), nullptr);
            free_ = entries.extract(entries.begin());
        }

    private:
        friend class RestingStreams;
        Entries::node_type free_;  // The unused node; empty while the stream rests.
        Entries::iterator taken_;  // The entry while the stream rests.
    };

    bool empty() const noexcept { return entries_.empty(); }
    Time first_due() const noexcept { return entries_.begin()->first; }

    /// Add a stream. If it is resting already, only its time changes.
    void add(std::shared_ptr<Stream> stream, Time due) noexcept;

    /// Remove a stream. Does nothing if it is not resting.
    void remove(Stream& stream) noexcept;

    /// Remove and return the stream with the earliest time. There must be one.
    std::shared_ptr<Stream> pop_first() noexcept;

private:
    std::shared_ptr<Stream> take(Entries::iterator entry) noexcept;

    Entries entries_;
};

}  // namespace gymreel

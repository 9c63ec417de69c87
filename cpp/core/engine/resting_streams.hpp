#pragma once

#include <chrono>
#include <map>
#include <memory>

namespace gymreel {

class Stream;

/// Streams for which nothing is to be done until a certain time, in the order of these times.
///
/// Ownership: keeps its streams alive. Thread: one at a time. Errors: none; each stream brings the memory for its entry.
class RestingStreams {
public:
    using Time = std::chrono::steady_clock::time_point;

private:
    using Entries = std::multimap<Time, std::shared_ptr<Stream>>;

public:
    /// The place of one stream, which the stream owns. Errors: std::bad_alloc from the constructor.
    class Place {
    public:
        Place() {
            Entries entries;
            entries.emplace(Time(), nullptr);
            free_ = entries.extract(entries.begin());
        }

    private:
        friend class RestingStreams;
        Entries::node_type free_;  // Empty while the stream rests,
        Entries::iterator taken_;  // which is here then.
    };

    bool empty() const noexcept { return entries_.empty(); }
    Time first_due() const noexcept { return entries_.begin()->first; }

    /// Of a stream that rests already only the time changes.
    void add(std::shared_ptr<Stream> stream, Time due) noexcept;

    /// Does nothing where the stream does not rest.
    void remove(Stream& stream) noexcept;

    /// The stream whose time came first. There must be one.
    std::shared_ptr<Stream> pop_first() noexcept;

private:
    std::shared_ptr<Stream> take(Entries::iterator entry) noexcept;

    Entries entries_;
};

}  // namespace gymreel

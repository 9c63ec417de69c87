#include "core/engine/resting_streams.hpp"

#include "core/engine/stream.hpp"

#include <utility>

namespace gymreel {

void RestingStreams::add(std::shared_ptr<Stream> stream, Time due) noexcept {
    remove(*stream);  // Two workers that had the stream one after the other may both add it.
    Place& place = stream->resting_place_;
    place.free_.key() = due;
    place.free_.mapped() = std::move(stream);
    place.taken_ = entries_.insert(std::move(place.free_));
}

void RestingStreams::remove(Stream& stream) noexcept {
    if (stream.resting_place_.free_.empty()) take(stream.resting_place_.taken_);
}

std::shared_ptr<Stream> RestingStreams::pop_first() noexcept { return take(entries_.begin()); }

std::shared_ptr<Stream> RestingStreams::take(Entries::iterator entry) noexcept {
    Place& place = entry->second->resting_place_;
    place.free_ = entries_.extract(entry);
    return std::move(place.free_.mapped());
}

}  // namespace gymreel

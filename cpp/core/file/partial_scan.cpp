#include "core/file/partial_scan.hpp"

#include "core/ffmpeg/av_error.hpp"
#include "core/file/integrity_mark.hpp"
#include "core/file/muxer.hpp"
#include "core/file/partial_walker.hpp"

extern "C" {
#include <libavutil/mathematics.h>
}

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <queue>
#include <utility>

namespace gymreel {

const std::uint8_t* ByteReader::view(std::int64_t position, int count) {
    if (position < 0 || count > size() - position) return nullptr;
    if (position < buffer_begin_ || position + count > buffer_begin_ + buffer_size_) {
        buffer_begin_ = position;
        buffer_size_ = 0;
        while (buffer_size_ < count) {
            const int read = file_.read_at(position + buffer_size_, buffer_.data() + buffer_size_,
                                           largest_view - static_cast<int>(buffer_size_));
            check(read == 0 ? AVERROR_EOF : read, "read the partial file", ErrorKind::output);
            buffer_size_ += read;
        }
    }
    return buffer_.data() + (position - buffer_begin_);
}

std::uint64_t ByteReader::number(std::int64_t position, int count) {
    const std::uint8_t* const bytes = view(position, count);
    std::uint64_t value = 0;
    for (int i = 0; bytes != nullptr && i < count; ++i) value = value << 8 | bytes[i];
    return value;
}

std::int64_t ByteReader::find(const std::vector<std::uint8_t>& bytes, Extent extent) {
    const auto length = static_cast<std::int64_t>(bytes.size());
    const std::int64_t end = std::min(extent.end, size());
    for (std::int64_t begin = extent.begin; begin + length <= end;) {
        const auto count = static_cast<int>(std::min<std::int64_t>(largest_view, end - begin));
        const std::uint8_t* const window = view(begin, count);
        const std::uint8_t* const found = std::search(window, window + count, bytes.begin(), bytes.end());
        if (found != window + count) return begin + (found - window);
        begin += count - length + 1;
    }
    return -1;
}

bool PartialWalker::add(std::int64_t time) {
    // Packets of our own take more bytes than that: their fragments, clusters and marks alone do.
    constexpr std::int64_t free_packets = 100'000;
    constexpr std::int64_t bytes_per_packet = 24;
    if (static_cast<std::int64_t>(times_.size()) >= free_packets + reader_.size() / bytes_per_packet) return false;
    times_.push_back(time);
    return true;
}

bool has_sound_nal_units(ByteReader& reader, Extent sample, int length_size) {
    std::int64_t position = sample.begin;
    while (position < sample.end) {
        if (sample.end - position <= length_size) return false;
        const auto length = static_cast<std::int64_t>(reader.number(position, length_size));
        position += length_size;
        if (length == 0 || length > sample.end - position) return false;
        position += length;
    }
    return true;
}

AVRational simplest_between(double low, double high) {
    // The convergents of a continued fraction, until the next whole number lies between.
    std::int64_t before_numerator = 0, before_denominator = 1, numerator = 1, denominator = 0;
    constexpr int enough = 24;
    for (int i = 0; i < enough; ++i) {
        const double whole = std::floor(low);
        const bool is_last = whole + 1 <= high || whole == low;
        const auto digit = static_cast<std::int64_t>(is_last && whole != low ? whole + 1 : whole);
        const std::int64_t next_numerator = digit * numerator + before_numerator;
        const std::int64_t next_denominator = digit * denominator + before_denominator;
        if (digit < 0 || digit > INT32_MAX || next_numerator > INT32_MAX || next_denominator > INT32_MAX) break;
        before_numerator = numerator;
        before_denominator = denominator;
        numerator = next_numerator;
        denominator = next_denominator;
        if (is_last) break;
        const double next_low = 1 / (high - whole);
        high = 1 / (low - whole);
        low = next_low;
    }
    if (denominator == 0) return {0, 1};
    return {static_cast<int>(numerator), static_cast<int>(denominator)};
}

namespace {

/// Cuts `times` where the pictures of the packets so far are the first ones, each once.
void keep_whole_beginning(PartialScan& scan) {
    // More than any encoder reorders.
    const std::size_t longest_delay = scan.has_reordering ? 32 : 0;
    constexpr std::size_t enough_to_know = 32;
    std::size_t most_waiting = 0;  // Behind a picture that came later, so far.
    std::size_t most_since = 0;
    std::vector<std::int64_t>& times = scan.times;
    if (times.size() <= 1) return;
    if (scan.frame_rate.num <= 0) {
        times.resize(1);
        scan.damage = "the frames have no regular times";
        return;
    }
    const AVRational duration = av_inv_q(scan.frame_rate);
    const std::int64_t tolerance = av_rescale_q(1, duration, scan.tick) / 3;
    std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> waiting;
    std::int64_t num_shown = 0;
    std::size_t num_kept = 0;
    const auto is_early = [&](std::int64_t time) {
        return time - av_rescale_q(num_shown, duration, scan.tick) < -tolerance;
    };
    const auto is_late = [&](std::int64_t time) {
        return time - av_rescale_q(num_shown, duration, scan.tick) > tolerance;
    };
    for (std::size_t i = 0; i < times.size() && waiting.size() <= longest_delay; ++i) {
        waiting.push(times[i] - times[0]);
        if (is_early(waiting.top())) {
            if (scan.damage.empty()) scan.damage = "frame " + std::to_string(num_shown) + " comes at a wrong time";
            break;
        }
        for (; !waiting.empty() && !is_late(waiting.top()) && !is_early(waiting.top()); waiting.pop()) ++num_shown;
        most_since = std::max(most_since, waiting.size());
        if (!waiting.empty()) continue;
        num_kept = i + 1;
        most_waiting = std::max(most_waiting, std::exchange(most_since, 0));
    }
    // With marks nothing can be missing in the middle. Without them more than ever waited before wait for what is lost.
    const bool is_known = !scan.has_marks && scan.has_reordering && num_kept >= enough_to_know;
    if (waiting.size() > (is_known ? most_waiting : longest_delay) && scan.damage.empty()) {
        scan.damage = "frame " + std::to_string(num_shown) + " is missing";
    }
    times.resize(num_kept);
}

/// Goes along a file from one element to the next, and from mark to mark.
class Scanner {
public:
    Scanner(Output& file, const std::string& muxer)
        : reader_(file),
          marks_(muxer),
          walker_(Muxer::is_mp4(muxer) ? walk_mp4(reader_)
                  : muxer == "gif"     ? walk_gif(reader_)
                                       : walk_matroska(reader_)) {}

    PartialScan run() {
        const std::vector<std::uint8_t> signature(mark_signature.begin(), mark_signature.end());
        scan_.has_marks = reader_.find(signature, {0, reader_.size()}) >= 0;
        bool is_wrong = false;
        while (position_ < reader_.size() && !is_wrong) {
            // The very first may be cut off before what it is known by.
            const bool may_be_mark = scan_.has_marks || reader_.size() - position_ < marks_.size();
            const Mark mark = may_be_mark && position_ > marks_.end() ? look_for_mark() : Mark::none;
            if (mark == Mark::whole) continue;
            if (mark == Mark::cut) break;
            if (mark == Mark::wrong) {
                is_wrong = true;
                break;
            }
            const Step step = walker_->next(position_);
            if (step.kind == Step::Kind::cut) {
                is_wrong = goes_on();
                if (is_wrong) complain("an element that is longer than the file");
                break;
            }
            if (step.kind == Step::Kind::wrong) {
                is_wrong = true;
                complain(step.what);
                break;
            }
            if (step.kind != Step::Kind::skip) add_piece({position_, step.end});
            position_ = step.end;
            if (!scan_.has_marks) accept();
        }
        scan_.times.assign(walker_->times().begin(),
                           walker_->times().begin() + static_cast<std::ptrdiff_t>(num_accepted_));
        walker_->describe(scan_);
        keep_whole_beginning(scan_);
        return std::move(scan_);
    }

private:
    enum class Mark { none, whole, cut, wrong };

    Mark look_for_mark() {
        const std::int64_t left = reader_.size() - position_;
        const auto beginning_size = static_cast<int>(marks_.beginning().size());
        const std::uint8_t* const beginning = reader_.view(position_, beginning_size);
        const bool is_mark =
            beginning != nullptr && std::equal(marks_.beginning().begin(), marks_.beginning().end(), beginning);
        if (!is_mark && left >= marks_.size()) return Mark::none;
        const MarkChain::Mark expected = marks_.at(reader_.file(), position_);
        const std::int64_t size = std::min(left, marks_.size());
        const std::uint8_t* const bytes = reader_.view(position_, static_cast<int>(size));
        if (!std::equal(bytes, bytes + size, expected.bytes.begin())) {
            if (!is_mark) return Mark::none;
            complain("the bytes before this mark are not those that were written");
            return Mark::wrong;
        }
        if (left < marks_.size()) return Mark::cut;
        marks_.pass();
        accept();
        position_ = scan_.end = marks_.end();
        return Mark::whole;
    }

    /// Whether something follows on what looks like the place where the file was cut off.
    bool goes_on() {
        if (!scan_.has_marks) {
            return reader_.find(walker_->beginning(), {position_ + 8, reader_.size()}) >= 0;
        }
        const std::int64_t found = reader_.find(marks_.beginning(), {marks_.end(), reader_.size()});
        return found >= 0 && found + marks_.size() <= reader_.size();
    }

    void complain(const char* what) { scan_.damage = std::string(what) + " at byte " + std::to_string(position_); }

    void add_piece(Extent piece) {
        if (!new_pieces_.empty() && new_pieces_.back().end == piece.begin) {
            new_pieces_.back().end = piece.end;
        } else {
            new_pieces_.push_back(piece);
        }
    }

    /// What was read since the last time can be trusted.
    void accept() {
        for (const Extent& piece : new_pieces_) {
            if (!scan_.pieces.empty() && scan_.pieces.back().end == piece.begin) {
                scan_.pieces.back().end = piece.end;
            } else {
                scan_.pieces.push_back(piece);
            }
        }
        new_pieces_.clear();
        num_accepted_ = walker_->times().size();
        scan_.has_header = walker_->has_header();
        scan_.end = position_;
    }

    ByteReader reader_;
    MarkChain marks_;
    std::unique_ptr<PartialWalker> walker_;
    PartialScan scan_;
    std::vector<Extent> new_pieces_;
    std::size_t num_accepted_ = 0;
    std::int64_t position_ = 0;
};

}  // namespace

PartialScan scan_partial(Output& file, const std::string& muxer) { return Scanner(file, muxer).run(); }

}  // namespace gymreel

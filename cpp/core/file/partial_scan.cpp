#include "core/file/partial_scan.hpp"

#include "core/file/byte_reader.hpp"
#include "core/file/container_kind.hpp"
#include "core/file/integrity_mark.hpp"
#include "core/file/partial_walker.hpp"

extern "C" {
#include <libavutil/mathematics.h>
}

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>

namespace gymreel {
namespace {

/// Shorten `times` to the longest beginning whose pictures are the first ones of the recording, each once.
void keep_whole_beginning(PartialScan& scan) {
    // No encoder reorders more pictures.
    const std::size_t longest_delay = scan.has_reordering ? 32 : 0;
    constexpr std::size_t enough_to_know = 32;
    std::size_t most_waiting =
        0;                       // The most pictures that had to wait for an earlier one, as far as the kept part goes.
    std::size_t most_since = 0;  // The same since the end of the kept part.
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
    // With marks nothing can be missing in the middle. Without marks, a frame is missing if more pictures wait for it
    // than ever waited before.
    const bool is_known = !scan.has_marks && scan.has_reordering && num_kept >= enough_to_know;
    if (waiting.size() > (is_known ? most_waiting : longest_delay) && scan.damage.empty()) {
        scan.damage = "frame " + std::to_string(num_shown) + " is missing";
    }
    times.resize(num_kept);
}

std::unique_ptr<PartialWalker> make_walker(ContainerKind kind, ByteReader& reader) {
    switch (kind) {
        case ContainerKind::mp4: return walk_mp4(reader);
        case ContainerKind::matroska: return walk_matroska(reader);
        case ContainerKind::gif: return walk_gif(reader);
    }
    return nullptr;
}

/// A walk along a file from element to element and from mark to mark.
class Scanner {
public:
    Scanner(ByteSource& file, const std::string& muxer)
        : reader_(file), marks_(muxer), walker_(make_walker(container_kind(muxer), reader_)) {}

    PartialScan run() {
        const std::vector<std::uint8_t> signature(mark_signature.begin(), mark_signature.end());
        const std::int64_t found = reader_.find(signature, {0, reader_.size()});
        // A file that ends within its first mark has none yet.
        const auto before_signature = static_cast<std::int64_t>(marks_.beginning().size() - signature.size());
        scan_.has_marks = found >= 0 && found - before_signature + marks_.size() <= reader_.size();
        bool is_wrong = false;
        while (position_ < reader_.size() && !is_wrong) {
            // The first mark may be cut off.
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
        const MarkChain::Mark expected = marks_.at(reader_.bytes(), position_);
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

    /// Return whether the file goes on after what looks like the place where it was cut off.
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

    /// Accept everything that was read since the last call as sound.
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

PartialScan scan_partial(ByteSource& file, const std::string& muxer) { return Scanner(file, muxer).run(); }

}  // namespace gymreel

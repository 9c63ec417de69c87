#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>

namespace gymreel {

/// A recording's claim to the name of its file, from its beginning to its end. Where several recordings of this process
/// have the same name, that which began last has it in the end, whichever is complete first.
///
/// Thread: any, each claim one at a time. Errors: std::bad_alloc from the constructor.
class TargetClaim {
public:
    /// `target`: an absolute path; empty for what has no name.
    explicit TargetClaim(std::filesystem::path target);
    ~TargetClaim();
    TargetClaim(const TargetClaim&) = delete;
    TargetClaim& operator=(const TargetClaim&) = delete;

    /// Lets `take` give a complete file the name, unless that of a recording which began later has it already: then
    /// returns false. No other recording of the name takes it meanwhile, so `take` should only rename.
    ///
    /// Errors: what `take` throws; the name then counts as not taken.
    bool take_name(const std::function<void()>& take) const;

    /// Held while claims are looked at; taken around a fork, so that no child finds it locked.
    static std::mutex& registry_lock();

private:
    std::filesystem::path target_;
    std::uint64_t number_ = 0;  // Claims are numbered as they are made.
};

}  // namespace gymreel

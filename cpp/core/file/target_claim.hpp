#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>

namespace gymreel {

/// A recording's claim to the name of its file, from its beginning to its end. Where several recordings of this process
/// have the same name, that which began last has it in the end, whichever is complete first.
///
/// Making and destroying a claim never waits for a file system, nor for a claim that takes its name.
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
    /// returns false. No other recording of the name takes it meanwhile, so `take` should only rename; recordings of
    /// other names do not notice how long it takes.
    ///
    /// Errors: what `take` throws; the name then counts as not taken.
    bool take_name(const std::function<void()>& take) const;

    /// True where a file called `path` is that of a recording which began later: it has taken the claimed name.
    bool is_superseded(const std::filesystem::path& path) const noexcept;

    /// In a forked child: forgets the parent's claims, which must not be touched there. A thread that is not in the
    /// child may hold their locks.
    static void start_over_after_fork() noexcept;

private:
    struct Name;
    struct Registry;

    static Registry& registry();

    std::filesystem::path target_;
    Registry* registry_ = nullptr;
    std::shared_ptr<Name> name_;
    std::uint64_t number_ = 0;  // Claims are numbered as they are made.

    static std::atomic<Registry*> current_;
};

}  // namespace gymreel

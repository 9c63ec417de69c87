#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>

namespace gymreel {

/// The claim of one recording to the name of its file, held from its beginning to its end. Of several recordings of
/// this process with the same name, the one that began last gets the name, whichever is completed first.
///
/// Making and destroying a claim never waits for a file system, nor for another claim that takes its name.
///
/// Ownership: the claims to a name share its record.
/// Thread: any; one at a time for each claim.
/// Errors: std::bad_alloc from the constructor.
class TargetClaim {
public:
    /// `target` is an absolute path, or empty for a recording without a name.
    explicit TargetClaim(std::filesystem::path target);
    ~TargetClaim();
    TargetClaim(const TargetClaim&) = delete;
    TargetClaim& operator=(const TargetClaim&) = delete;

    /// Call `take`, which renames the complete file, unless a recording that began later has taken the name already.
    /// Return whether it was called. Other recordings of the same name wait meanwhile, so `take` should only rename.
    ///
    /// Errors: those of `take`, after which the name counts as not taken.
    bool take_name(const std::function<void()>& take) const;

    /// Return whether `path` is the claimed name and a recording that began later has taken it.
    bool is_superseded(const std::filesystem::path& path) const noexcept;

    /// Forget every claim, in a forked child. The claims belong to the parent, and threads that do not exist in the
    /// child may hold their locks.
    static void start_over_after_fork() noexcept;

private:
    struct Name;
    struct Registry;

    static Registry& registry();

    std::filesystem::path target_;
    Registry* registry_ = nullptr;
    std::shared_ptr<Name> name_;
    std::uint64_t number_ = 0;  // Claims are numbered in the order in which they are made.

    static std::atomic<Registry*> current_;
};

}  // namespace gymreel

#include "target_claim.hpp"

#include <map>
#include <memory>
#include <utility>

namespace gymreel {
namespace {

struct Name {
    int num_claims = 0;
    std::uint64_t taken_by = 0;  // The highest number that has taken it.
};

struct Registry {
    std::mutex lock;
    std::map<std::filesystem::path, Name> names;  // Those that are claimed now.
    std::uint64_t num_claims = 0;                 // That there ever were.
};

/// Leaked on purpose: streams end after everything static is gone.
Registry& registry() {
    static Registry* const instance = std::make_unique<Registry>().release();
    return *instance;
}

}  // namespace

std::mutex& TargetClaim::registry_lock() { return registry().lock; }

TargetClaim::TargetClaim(std::filesystem::path target) : target_(std::move(target)) {
    if (target_.empty()) return;
    const std::lock_guard lock(registry_lock());
    ++registry().names[target_].num_claims;
    number_ = ++registry().num_claims;
}

TargetClaim::~TargetClaim() {
    if (target_.empty()) return;
    const std::lock_guard lock(registry_lock());
    const auto name = registry().names.find(target_);
    if (--name->second.num_claims == 0) registry().names.erase(name);
}

bool TargetClaim::take_name(const std::function<void()>& take) const {
    if (target_.empty()) {
        take();
        return true;
    }
    const std::lock_guard lock(registry_lock());
    Name& name = registry().names.find(target_)->second;
    if (name.taken_by > number_) return false;
    take();
    name.taken_by = number_;
    return true;
}

}  // namespace gymreel

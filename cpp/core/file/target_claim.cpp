#include "core/file/target_claim.hpp"

#include <map>
#include <utility>

namespace gymreel {

/// The record of one name, owned by the claims to it.
struct TargetClaim::Name {
    std::mutex taking;                       // Held while a claim takes the name.
    std::atomic<std::uint64_t> taken_by{0};  // The highest number of a claim that has taken the name.
};

struct TargetClaim::Registry {
    std::mutex lock;  // Never held while a claim takes a name.
    std::map<std::filesystem::path, std::weak_ptr<Name>> names;
    std::uint64_t num_claims = 0;  // All that were ever made.
};

std::atomic<TargetClaim::Registry*> TargetClaim::current_{nullptr};

/// Return the registry of this process. It is leaked on purpose, because streams can outlive static objects.
TargetClaim::Registry& TargetClaim::registry() {
    Registry* known = current_.load(std::memory_order_acquire);
    if (known != nullptr) return *known;
    auto made = std::make_unique<Registry>();
    if (current_.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel)) return *made.release();
    return *known;
}

void TargetClaim::start_over_after_fork() noexcept { current_.store(nullptr, std::memory_order_release); }

TargetClaim::TargetClaim(std::filesystem::path target) : target_(std::move(target)) {
    if (target_.empty()) return;
    registry_ = &registry();
    const std::lock_guard lock(registry_->lock);
    std::weak_ptr<Name>& known = registry_->names[target_];
    name_ = known.lock();
    if (name_ == nullptr) known = name_ = std::make_shared<Name>();
    number_ = ++registry_->num_claims;
}

TargetClaim::~TargetClaim() {
    if (name_ == nullptr) return;
    const std::lock_guard lock(registry_->lock);
    name_.reset();
    const auto name = registry_->names.find(target_);
    if (name->second.expired()) registry_->names.erase(name);
}

bool TargetClaim::is_superseded(const std::filesystem::path& path) const noexcept {
    return name_ != nullptr && path == target_ && name_->taken_by > number_;
}

bool TargetClaim::take_name(const std::function<void()>& take) const {
    if (name_ == nullptr) {
        take();
        return true;
    }
    const std::lock_guard lock(name_->taking);
    if (name_->taken_by > number_) return false;
    take();
    name_->taken_by = number_;
    return true;
}

}  // namespace gymreel

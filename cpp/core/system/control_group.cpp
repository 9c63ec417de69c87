#include "core/system/control_group.hpp"

#include <algorithm>
#include <exception>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace gymreel {
namespace {

/// Return the positive number at the beginning of a text. Nothing for other texts, such as "max", "-1" or "".
template <typename Number>
std::optional<Number> positive_number(const std::string& text) {
    std::istringstream stream(text);
    Number number{};
    if (text.rfind('-', 0) == 0 || !(stream >> number) || !(number > 0)) return std::nullopt;
    return number;
}

std::string first_line(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

/// Return whether a comma-separated list contains a name.
bool has_name(const std::string& list, const std::string& name) {
    return ("," + list + ",").find("," + name + ",") != std::string::npos;
}

/// Return the quota in CPUs that a version 2 group sets in "cpu.max" ("max 100000" or "150000 100000").
std::optional<double> quota_version_2(const std::filesystem::path& group) {
    const std::string line = first_line(group / "cpu.max");
    const auto quota = positive_number<double>(line);
    const auto space = line.find(' ');
    const auto period = space == std::string::npos ? std::nullopt : positive_number<double>(line.substr(space));
    return quota && period ? std::optional(*quota / *period) : std::nullopt;
}

std::optional<double> quota_version_1(const std::filesystem::path& group) {
    const auto quota = positive_number<double>(first_line(group / "cpu.cfs_quota_us"));
    const auto period = positive_number<double>(first_line(group / "cpu.cfs_period_us"));
    return quota && period ? std::optional(*quota / *period) : std::nullopt;
}

}  // namespace

/// Call `visit` for the group of the process, in the hierarchy of the controller, and for each group that contains it.
/// In a container often only the root is visible, which then is the group of the container.
template <typename Visit>
void ControlGroups::visit(const char* controller, Visit visit) const {
    const auto climb = [&](const std::filesystem::path& root, const std::string& group) {
        visit(root);
        for (auto folder = (root / group.substr(1)).lexically_normal(); folder != root && folder.has_relative_path();
             folder = folder.parent_path()) {
            visit(folder);
        }
    };
    bool is_visited = false;
    std::ifstream memberships(membership_);
    for (std::string line; std::getline(memberships, line);) {  // "4:memory:/a/group" or "0::/a/group".
        const auto first = line.find(':');
        const auto second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos || line.compare(second + 1, 1, "/") != 0) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string group = line.substr(second + 1);
        if (controllers.empty()) {
            climb(root_, group);
            climb(root_ / "unified", group);
        } else if (has_name(controllers, controller)) {
            climb(root_ / controller, group);
            is_visited = true;
        }
    }
    visit(root_);
    if (!is_visited) visit(root_ / controller);
}

double ControlGroups::cpu_quota() const noexcept {
    double smallest = no_quota;
    try {
        visit("cpu", [&](const std::filesystem::path& group) {
            for (const auto& quota : {quota_version_2(group), quota_version_1(group)}) {
                if (quota) smallest = std::min(smallest, *quota);
            }
        });
    } catch (const std::exception&) {  // The limits found so far still apply.
    }
    return smallest;
}

std::uint64_t ControlGroups::memory_limit() const noexcept {
    std::uint64_t smallest = no_limit;
    try {
        visit("memory", [&](const std::filesystem::path& group) {
            for (const char* const name : {"memory.max", "memory.limit_in_bytes"}) {
                if (const auto limit = positive_number<std::uint64_t>(first_line(group / name))) {
                    smallest = std::min(smallest, *limit);
                }
            }
        });
    } catch (const std::exception&) {
    }
    return smallest;
}

}  // namespace gymreel

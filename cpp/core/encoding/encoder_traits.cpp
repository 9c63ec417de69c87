#include "core/encoding/encoder_traits.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace gymreel {
namespace {

bool is_x264(std::string_view encoder) { return encoder == "libx264" || encoder == "libx264rgb"; }

void set(Options& options, const char* name, const char* value) {
    const auto known =
        std::find_if(options.begin(), options.end(), [&](const auto& entry) { return entry.first == name; });
    if (known == options.end()) {
        options.emplace_back(name, value);
    } else {
        known->second = value;
    }
}

/// Insert settings at the beginning of an option that is a list of settings. If a name occurs twice, the later one
/// counts, which is the user's.
void put_before(Options& options, const char* name, const std::string& settings) {
    const auto known =
        std::find_if(options.begin(), options.end(), [&](const auto& entry) { return entry.first == name; });
    if (known == options.end()) {
        options.emplace_back(name, settings);
    } else {
        known->second = settings + (known->second.empty() ? "" : ":") + known->second;
    }
}

}  // namespace

Options options_for(const std::string& encoder, const Options& options, int num_threads) {
    Options result = options;
    // By default libx265 starts a thread for each CPU of the machine. It also puts its settings into the description of
    // the stream, which would differ between the two look-aheads.
    if (encoder == "libx265") put_before(result, "x265-params", "pools=" + std::to_string(num_threads) + ":info=0");
    return result;
}

Options with_brief_lookahead(const std::string& encoder, Options options) {
    if (is_x264(encoder)) {
        set(options, "rc-lookahead", "0");
    } else if (encoder == "libvpx" || encoder == "libvpx-vp9" || encoder == "libaom-av1") {
        set(options, "lag-in-frames", "0");
    } else if (encoder == "libx265") {
        put_before(options, "x265-params", "rc-lookahead=5");  // It must be more than the four B-frames of the presets.
    }
    return options;
}

bool has_brief_lookahead(const std::string& encoder) { return !with_brief_lookahead(encoder, {}).empty(); }

int threads_for_brief_lookahead(const std::string& encoder, int num_threads) noexcept {
    return is_x264(encoder) ? 1 : num_threads;
}

bool opens_under_lock(const std::string& encoder) noexcept {
    // FFmpeg, from 5.1 on, marks these as safe to be opened by several threads at once.
    constexpr std::array<std::string_view, 4> without_lock{"libx264", "libx264rgb", "gif", "mpeg4"};
    return std::find(without_lock.begin(), without_lock.end(), encoder) == without_lock.end();
}

int num_blindly_started_threads(const std::string& encoder, int num_threads) noexcept {
    // One per frame in progress, those of the pool, and some to spare.
    return encoder == "libx265" ? 2 * num_threads + 2 : 0;
}

int reordering_depth(const std::string& encoder, int told) noexcept {
    constexpr int of_pyramid = 2;  // The most that libx265 does; FFmpeg does not report it.
    return encoder == "libx265" ? std::max(told, of_pyramid) : told;
}

bool numbers_key_frames(const std::string& encoder) noexcept { return is_x264(encoder); }

void skip_encoder_settings(AVPacket& packet) noexcept {
    constexpr std::uint8_t sei = 6;
    constexpr std::uint8_t unregistered_user_data = 5;
    const auto begins_at = [&](int at) {  // Whether a start code of three bytes is there.
        return at + 3 < packet.size && packet.data[at] == 0 && packet.data[at + 1] == 0 && packet.data[at + 2] == 1;
    };
    const int first = begins_at(0) ? 0 : 1;
    if (!begins_at(first) || first + 4 >= packet.size) return;
    if ((packet.data[first + 3] & 0x1F) != sei || packet.data[first + 4] != unregistered_user_data) return;
    int next = first + 4;
    while (next + 3 < packet.size && !begins_at(next)) ++next;
    if (!begins_at(next)) return;
    if (packet.data[next - 1] == 0) --next;
    packet.data += next;
    packet.size -= next;
}

}  // namespace gymreel

#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gymreel {

/// Names and values of the options of an encoder or a muxer, in the order in which they are set.
using Options = std::vector<std::pair<std::string, std::string>>;

}  // namespace gymreel

// Stands in for libFuzzer with compilers that have none, and takes the few arguments of it that make fuzz gives: runs
// the inputs in the files and folders named, then random mutations of them for -max_total_time seconds. The input under
// way is in the file -artifact_prefix + "last", which stays when it ends the process.

#include "fuzz_input.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" __attribute__((weak)) int LLVMFuzzerInitialize(int* argc, char*** argv);

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class Mutator {
public:
    explicit Mutator(unsigned seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

    void mutate(Bytes& bytes, const Bytes& other) {
        const std::size_t num_changes = 1 + below(8);
        for (std::size_t i = 0; i < num_changes; ++i) change(bytes, other);
    }

private:
    void change(Bytes& bytes, const Bytes& other) {
        const auto at = [](Bytes& all, std::size_t index) { return all.begin() + static_cast<std::ptrdiff_t>(index); };
        const std::size_t position = below(bytes.size());
        const std::size_t length = below(std::min<std::size_t>(64, bytes.size() - position) + 1);
        switch (below(6)) {
            case 0:  // A bit.
                if (!bytes.empty()) bytes[position] = static_cast<std::uint8_t>(bytes[position] ^ (1U << below(8)));
                break;
            case 1:  // A few bytes, often with values at the limits of their range.
                for (std::size_t i = 0; i < length; ++i) {
                    constexpr std::array<int, 4> limits{0x00, 0xFF, 0x7F, 0x80};
                    bytes[position + i] = static_cast<std::uint8_t>(below(2) == 0 ? limits[below(4)] : below(256));
                }
                break;
            case 2: bytes.erase(at(bytes, position), at(bytes, position + length)); break;
            case 3: bytes.insert(at(bytes, position), length, static_cast<std::uint8_t>(below(256))); break;
            case 4: bytes.resize(position); break;
            default: {  // A piece of another input.
                const std::size_t from = below(other.size());
                const std::size_t count = below(other.size() - from + 1);
                bytes.resize(position);
                bytes.insert(bytes.end(), other.begin() + static_cast<std::ptrdiff_t>(from),
                             other.begin() + static_cast<std::ptrdiff_t>(from + count));
            }
        }
    }

    std::mt19937 random_;
};

}  // namespace

int main(int argc, char** argv) {
    if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
    int num_seconds = 0;
    std::size_t max_size = 65536;
    std::string artifact_prefix;
    std::vector<Bytes> seeds;
    for (const std::string& argument : std::vector<std::string>(argv + 1, argv + argc)) {
        const std::string value = argument.substr(argument.find('=') + 1);
        if (argument.rfind("-max_total_time=", 0) == 0) {
            num_seconds = std::stoi(value);
        } else if (argument.rfind("-max_len=", 0) == 0) {
            max_size = std::stoul(value);
        } else if (argument.rfind("-artifact_prefix=", 0) == 0) {
            artifact_prefix = value;
        } else if (argument.rfind('-', 0) == 0) {
            continue;
        } else if (std::filesystem::is_directory(argument)) {
            for (const auto& entry : std::filesystem::directory_iterator(argument)) {
                seeds.push_back(read_file(entry.path()));
            }
        } else {
            seeds.push_back(read_file(argument));
        }
    }
    if (seeds.empty()) seeds.emplace_back();

    const std::string last = artifact_prefix + "last";
    std::size_t num_runs = 0;
    const auto run = [&](const Bytes& bytes) {
        std::ofstream(last, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
        ++num_runs;
    };
    for (const Bytes& seed : seeds) run(seed);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(num_seconds);
    Mutator mutator(std::random_device{}());
    while (std::chrono::steady_clock::now() < end) {
        Bytes bytes = seeds[mutator.below(seeds.size())];
        mutator.mutate(bytes, seeds[mutator.below(seeds.size())]);
        bytes.resize(std::min(bytes.size(), max_size));
        run(bytes);
    }
    std::filesystem::remove(last);
    std::cout << "Done " << num_runs << " runs in " << num_seconds << " second(s)\n";
    return 0;
}

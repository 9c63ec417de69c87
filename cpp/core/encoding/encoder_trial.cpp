#include "core/encoding/encoder_trial.hpp"

#include "core/ffmpeg/log_capture.hpp"

namespace gymreel {
namespace {

// CIF is large enough for hardware encoders, and a size that H.263 supports too.
constexpr int trial_width = 352;
constexpr int trial_height = 288;

}  // namespace

std::string try_encoder(const EncoderConfig& config) {
    const LogCapture capture;
    const Encoder encoder(config, trial_width, trial_height, 1);
    return LogCapture::text();
}

}  // namespace gymreel

#pragma once

#include "core/ffmpeg/ffmpeg_ptr.hpp"
#include "core/ffmpeg/options.hpp"

#include <string>

namespace gymreel {

// Facts about single encoders that FFmpeg does not report. For an encoder that is not listed, each function returns the
// cautious answer.
//
// Thread: any. Errors: std::bad_alloc.

/// Return the options to open `encoder` with: those of the user, and what limits its threads to `num_threads`.
Options options_for(const std::string& encoder, const Options& options, int num_threads);

/// Return `options` changed such that the encoder holds back as few frames as it can without describing its stream
/// differently.
Options with_brief_lookahead(const std::string& encoder, Options options);

/// Return whether with_brief_lookahead() changes anything for `encoder`.
bool has_brief_lookahead(const std::string& encoder);

/// Return the number of threads for a brief look-ahead. Each thread of libx264 works on a frame of its own and so holds
/// one more frame back.
int threads_for_brief_lookahead(const std::string& encoder, int num_threads) noexcept;

/// Return whether avcodec_open2() holds FFmpeg's lock of all codecs while it opens `encoder`.
bool opens_under_lock(const std::string& encoder) noexcept;

/// Return how many threads the encoder starts while it is opened without checking that they have started. It would wait
/// for them for ever. 0 if it does check.
int num_blindly_started_threads(const std::string& encoder, int num_threads) noexcept;

/// Return how many pictures may be coded before a picture that is shown earlier. `told` is what FFmpeg says.
int reordering_depth(const std::string& encoder, int told) noexcept;

/// Return whether successive key frames are told apart by a number that starts at 0 each time the encoder is opened.
bool numbers_key_frames(const std::string& encoder) noexcept;

/// Remove the text with the encoder's settings from the beginning of an H.264 packet, if it has one. libx264 puts it
/// into its first packet each time that it is opened, and a file needs it only once.
void skip_encoder_settings(AVPacket& packet) noexcept;

}  // namespace gymreel

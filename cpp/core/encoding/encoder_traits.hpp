#pragma once

#include "core/encoding/codecs.hpp"

#include <string>

namespace gymreel {

/// What has to be known of single encoders, because FFmpeg does not tell. Of encoders that are not named here the
/// cautious answer is given.
///
/// Thread: any. Errors: std::bad_alloc.

/// The options to open `encoder` with: those of the user, and what keeps its threads to `num_threads`.
Options options_for(const std::string& encoder, const Options& options, int num_threads);

/// The same for an encoder that holds back as few frames as it can while its description of the stream stays as it is.
Options with_brief_lookahead(const std::string& encoder, Options options);

/// True where that makes a difference.
bool has_brief_lookahead(const std::string& encoder);

/// The threads of a brief look-ahead: each thread of libx264 that works on a frame of its own holds one more back.
int threads_for_brief_lookahead(const std::string& encoder, int num_threads) noexcept;

/// True where avcodec_open2 takes FFmpeg's lock of all codecs.
bool opens_under_lock(const std::string& encoder) noexcept;

/// How many threads the encoder starts while it is opened, and then waits for without looking whether they could be
/// started: 0 where it looks.
int num_blindly_started_threads(const std::string& encoder, int num_threads) noexcept;

/// How many pictures may be coded before one that is shown before them; `told` is what FFmpeg says.
int reordering_depth(const std::string& encoder, int told) noexcept;

/// True where successive key frames are told apart by a number that each newly opened encoder begins with 0.
bool numbers_key_frames(const std::string& encoder) noexcept;

}  // namespace gymreel

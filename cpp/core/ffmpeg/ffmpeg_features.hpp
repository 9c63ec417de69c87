#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/version.h>
#include <libavformat/avformat.h>
#include <libavformat/version.h>
}

// Differences between FFmpeg 5.1 and 9, each with a name, so that other code does not compare version numbers.

/// avcodec_get_supported_config() replaces AVCodec::pix_fmts (FFmpeg 7.1).
#define GYMREEL_FFMPEG_HAS_SUPPORTED_CONFIG (LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100))

/// The write callback of avio_alloc_context() takes `const uint8_t*` (FFmpeg 7.0).
#define GYMREEL_FFMPEG_AVIO_WRITES_CONST (LIBAVFORMAT_VERSION_MAJOR >= 61)

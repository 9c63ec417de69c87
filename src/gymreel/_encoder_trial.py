"""Checks of encoder options that only the encoder itself can judge.

Libraries such as x264 have parameters of their own, behind options that take any text. The encoder
is opened once to find out whether it knows them. Parameters that would make it read or write other
files are refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from gymreel import _core
from gymreel._validation import show
from gymreel.errors import ConfigError, EncodeError

__all__ = ["check_settings", "first_line"]

_FILE_PARAMETERS = frozenset(
    {
        # FFmpeg and x264. A second pass needs the file that the first one writes.
        "cqmfile",
        "dump-yuv",
        "fastfirstpass",
        "log-file",
        "opencl-clbin",
        "pass",
        "passes",
        "passlogfile",
        "stats",
        # x265.
        "abr-ladder",
        "analysis-load",
        "analysis-reuse-file",
        "analysis-save",
        "aom-film-grain",
        "csv",
        "dhdr10-info",
        "dolby-vision-rpu",
        "film-grain",
        "input",
        "lambda-file",
        "nalu-file",
        "output",
        "qpfile",
        "recon",
        "scaling-list",
        "zonefile",
        # AV1 encoders and Kvazaar.
        "cqm-file",
        "debug",
        "fgs-table",
        "film-grain-table",
        "partition-info-path",
        "qp-file",
        "rate-distribution-info",
        "roi",
        "roi-map-file",
        "vmaf-model-path",
    }
)
_HOLDS_PARAMETERS = re.compile(r".*[-_]params|x264opts")
_REFUSAL = re.compile(
    r"bad option|bad value|error parsing|error setting|invalid option|invalid value|unknown option",
    re.IGNORECASE,
)
_WHO = re.compile(r"^\[[^\]]* @ [^\]]*\] ")  # "[libx264 @ 0x7f92c4000f40] "


def _refuse_files(options: Mapping[str, str]) -> None:
    """Refuse options that make an encoder read or write files besides the video.

    Raises:
        ConfigError: There is such an option.
    """
    for name, value in options.items():
        names = [name]
        if _HOLDS_PARAMETERS.fullmatch(name):
            # Without quotes and spaces, which could hide a name.
            plain = re.sub(r"[\\'\s]", "", value)
            names += [entry.partition("=")[0] for entry in re.split("[:,]", plain)]
        for each in names:
            if each.lower().replace("_", "-") in _FILE_PARAMETERS and not _is_plain(each, value):
                raise ConfigError(
                    f"options={{{name!r}: {show(value)}}}: {show(each)[1:-1]} makes the encoder "
                    "read or write files of its own, or encode in two passes; leave it out"
                )


def _is_plain(name: str, value: str) -> bool:
    """Return whether an option is FFmpeg's own of that name, which only takes a number."""
    return name in ("film-grain", "debug") and value.isdigit()


def check_settings(
    argument: str,
    encoder: str,
    pixel_format: str,
    fps: tuple[int, int],
    settings: Sequence[tuple[str, str]],
    usual: Sequence[tuple[str, str]],
    options: Mapping[str, str],
) -> None:
    """Refuse settings that an encoder rejects, ignores, or needs other files for.

    Valid settings are tried once per process. If the encoder cannot be opened with its default
    settings either, because a device is missing, for example, nothing is refused here, and the
    first frame will fail.

    Args:
        argument: The settings as the user passed them, as ``name=value``.
        encoder: Name of FFmpeg's encoder.
        pixel_format: Pixel format, by FFmpeg's name.
        fps: Frame rate, as numerator and denominator.
        settings: All options that the encoder will be opened with.
        usual: The options that it is opened with by default.
        options: The ``options`` of the user.

    Raises:
        ConfigError: The encoder does not take the settings, or an option names a file.
    """
    _refuse_files(options)
    if options and _core.encodes_in_two_passes(encoder, list(settings)):
        raise ConfigError(
            f"{argument}: an encoding in two passes (pass1, pass2) needs all frames twice, and "
            "writes a log into the working folder; leave it out"
        )
    try:
        _try_once(encoder, pixel_format, fps, tuple(settings))
    except _RefusedError as refused:
        try:
            _try_once(encoder, pixel_format, fps, tuple(usual))
        except _RefusedError:
            return
        raise ConfigError(f"{argument} was rejected by {encoder}: {refused}") from None


class _RefusedError(Exception):
    """An encoder does not take its options; the message is its reason."""


@lru_cache(maxsize=256)
def _try_once(
    encoder: str,
    pixel_format: str,
    fps: tuple[int, int],
    options: tuple[tuple[str, str], ...],
) -> None:
    """Open the encoder and close it again. Only success is cached.

    Raises:
        _RefusedError: The encoder cannot be opened, or it logged that it does not know an option.
    """
    try:
        log = _core.try_encoder(encoder, pixel_format, fps, list(options))
    except EncodeError as error:
        raise _RefusedError(first_line(error.log) or str(error.strerror)) from None
    for line in log.splitlines():
        if _REFUSAL.search(line):
            raise _RefusedError(first_line(line))


def first_line(log: str) -> str:
    """Return the first line of a log that is not empty, without FFmpeg's ``[name @ address]``."""
    line = next((line for line in log.splitlines() if line.strip()), "")
    return _WHO.sub("", line).strip().rstrip(" .:")

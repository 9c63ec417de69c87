"""Options of an encoder that its list of options does not tell about.

Libraries such as x264 have parameters of their own, behind options that take any text. What they do
not know is found by opening the encoder once. What would read or write files is refused by name.
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
        # FFmpeg's and x264's; a second pass needs the file that the first one writes.
        "cqmfile",
        "dump-yuv",
        "fastfirstpass",
        "log-file",
        "opencl-clbin",
        "pass",
        "passes",
        "passlogfile",
        "stats",
        # x265's.
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
        # Of AV1's and Kvazaar's.
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
_WHO = re.compile(r"^\[[^\]]* @ [^\]]*\] ")  # "[libx264 @ 0x7f92c4000f40] " says nothing new.


def _refuse_files(options: Mapping[str, str]) -> None:
    """Refuse options with which an encoder would read or write files besides the video.

    Raises:
        ConfigError: There is one.
    """
    for name, value in options.items():
        names = [name]
        if _HOLDS_PARAMETERS.fullmatch(name):
            # Quoting does not hide a name.
            plain = re.sub(r"[\\'\s]", "", value)
            names += [entry.partition("=")[0] for entry in re.split("[:,]", plain)]
        for each in names:
            if each.lower().replace("_", "-") in _FILE_PARAMETERS and not _is_plain(each, value):
                raise ConfigError(
                    f"options={{{name!r}: {show(value)}}}: {show(each)[1:-1]} makes the encoder "
                    "read or write files of its own, or encode in two passes; leave it out"
                )


def _is_plain(name: str, value: str) -> bool:
    """Return whether an option of that name is FFmpeg's own, and only a number."""
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
    """Refuse settings with which an encoder cannot be opened, or that it passes over.

    So are those with which it reads or writes files besides the video. Each set of settings that
    will do is tried once in a process. Where the encoder cannot be opened with its usual settings
    either, as a device is missing, for example, nothing is said: the first frame will tell.

    Args:
        argument: What the caller knows the settings by, as ``name=value``.
        encoder: FFmpeg's encoder.
        pixel_format: In FFmpeg's words.
        fps: The frame rate, as numerator and denominator.
        settings: All that it is opened with.
        usual: What it is opened with where the caller gives nothing.
        options: What the caller gives as options.

    Raises:
        ConfigError: The encoder does not take them, or there is one that stands for files.
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
        raise ConfigError(f"{argument} is not what {encoder} takes: {refused}") from None


class _RefusedError(Exception):
    """Why an encoder does not take its options."""


@lru_cache(maxsize=256)
def _try_once(
    encoder: str,
    pixel_format: str,
    fps: tuple[int, int],
    options: tuple[tuple[str, str], ...],
) -> None:
    """Open the encoder and close it again; what raises is not remembered.

    Raises:
        _RefusedError: It does not open, or says that it does not know an option.
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

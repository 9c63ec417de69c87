"""Containers by file suffix, encoders by name, and the options of each encoder."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from gymreel import _core
from gymreel._validation import check_mapping, check_number, check_text, show, to_whole_number
from gymreel._warnings import warn
from gymreel.errors import CodecNotFoundError, ConfigError, ConfigTypeError

__all__ = ["CodecInfo", "codecs"]

# SVT-AV1 bypasses FFmpeg's log, and is to print errors only. This is set here and not when the
# encoder is chosen, because the workers of other recordings may be reading environment variables by
# then, which in C is a data race.
os.environ.setdefault("SVT_LOG", "1")


@dataclass(frozen=True)
class CodecInfo:
    """A video encoder of the FFmpeg in use.

    Attributes:
        name: Name of the encoder, for ``VideoWriter(codec=…)``.
        codec: Format that it produces, such as ``"h264"``.
        description: FFmpeg's description.
        pixel_formats: Valid values for ``VideoWriter(pixel_format=…)``.
        suffixes: File suffixes of the containers that can hold its format.
        hardware: Whether it needs a device, which may be missing.
        presets: Presets that gymreel knows, fastest first; empty if there are none.
    """

    name: str
    codec: str
    description: str
    pixel_formats: tuple[str, ...]
    suffixes: tuple[str, ...]
    hardware: bool
    presets: tuple[str, ...]


@dataclass(frozen=True)
class Container:
    """A file format: FFmpeg's muxer, and the preferred encoders, best first."""

    muxer: str
    encoders: tuple[str, ...]


_H264 = ("libx264", "libopenh264")
_WITHOUT_H264 = ("libvpx-vp9", "mpeg4")  # VP9 looks better, and browsers play it.

CONTAINERS: Mapping[str, Container] = {
    ".mp4": Container("mp4", (*_H264, *_WITHOUT_H264)),
    ".m4v": Container("mp4", (*_H264, *_WITHOUT_H264)),
    ".mov": Container("mov", (*_H264, "mpeg4")),
    ".mkv": Container("matroska", (*_H264, *_WITHOUT_H264)),
    ".webm": Container("webm", ("libvpx-vp9", "libaom-av1", "libsvtav1", "libvpx")),
    ".gif": Container("gif", ("gif",)),
}

FORMATS: Mapping[str, tuple[str, ...]] = {
    "h264": _H264,
    "hevc": ("libx265", "libkvazaar"),
    "h265": ("libx265", "libkvazaar"),
    "vp8": ("libvpx",),
    "vp9": ("libvpx-vp9",),
    "av1": ("libaom-av1", "libsvtav1", "librav1e"),  # SVT starts dozens of threads.
    "ffv1": ("ffv1",),
    "gif": ("gif",),
    "mpeg4": ("mpeg4",),
}
"""Formats by their usual names, each with the encoders that produce it, best first."""


def _number(value: float) -> str:
    return f"{value:g}"


def _quantiser(value: float) -> str:
    return _number(value * 118)  # FF_QP2LAMBDA, the unit of global_quality.


@dataclass(frozen=True)
class Encoder:
    """How one encoder names its options, as ``ffmpeg -h encoder=NAME`` lists them.

    Attributes:
        presets: Valid presets, fastest first.
        preset: Default preset.
        preset_option: Option that takes the preset.
        crf: Default quality; lower is better.
        crf_range: Lowest and highest valid quality.
        crf_option: Option that takes the quality.
        crf_text: Function that returns the text of a quality.
        crf_flags: Value of ``flags`` that the quality needs to have an effect.
        options: Further options that are always set.
    """

    presets: tuple[str, ...] = ()
    preset: str | None = None
    preset_option: str = "preset"
    crf: float | None = None
    crf_range: tuple[float, float] | None = None
    crf_option: str = "crf"
    crf_text: Callable[[float], str] = _number
    crf_flags: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


_X264_PRESETS = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)
_X264 = Encoder(presets=_X264_PRESETS, preset="veryfast", crf=23, crf_range=(0, 51))
_VPX = Encoder(
    presets=("8", "7", "6", "5", "4", "3", "2", "1", "0"),
    preset="6",
    preset_option="cpu-used",
    crf=31,
    crf_range=(0, 63),
    options={"b": "0", "deadline": "good", "row-mt": "1"},
)

ENCODERS: Mapping[str, Encoder] = {
    # On frames of environments, faster presets than veryfast double the size and save little time.
    "libx264": _X264,
    "libx264rgb": _X264,
    "libx265": Encoder(
        presets=_X264_PRESETS,
        preset="veryfast",
        crf=28,
        crf_range=(0, 51),
        options={"x265-params": "log-level=error"},
    ),
    "libvpx-vp9": _VPX,
    "libvpx": Encoder(
        presets=tuple(str(number) for number in range(16, -1, -1)),
        preset="5",
        preset_option="cpu-used",
        crf=10,
        crf_range=(4, 63),
        options={"b": "4M", "deadline": "good"},
    ),
    "libaom-av1": Encoder(
        presets=_VPX.presets,
        preset="7",
        preset_option="cpu-used",
        crf=35,
        crf_range=(0, 63),
        options={"b": "0", "row-mt": "1"},
    ),
    "libsvtav1": Encoder(
        presets=tuple(str(number) for number in range(13, -1, -1)),
        preset="10",
        crf=35,
        crf_range=(0, 63),
    ),
    # MPEG-4 Part 2 has no crf but a fixed quantiser, where lower is better as well.
    "mpeg4": Encoder(
        crf=3,
        crf_range=(1, 31),
        crf_option="global_quality",
        crf_text=_quantiser,
        crf_flags="+qscale",
    ),
    "ffv1": Encoder(options={"level": "3", "slicecrc": "1"}),
}


_RATE_CONTROLS = {"b", "crf", "global_quality", "qp"}
_FIXED = {
    "chroma_sample_location",
    "color_primaries",
    "color_range",
    "color_trc",
    "colorspace",
    "pixel_format",
    "time_base",
    "video_size",
}


@cache
def _installed() -> Mapping[str, CodecInfo]:
    return {
        name: CodecInfo(
            name=name,
            codec=codec,
            description=description,
            pixel_formats=tuple(pixel_formats),
            suffixes=tuple(
                suffix
                for suffix, container in CONTAINERS.items()
                if _core.can_mux(container.muxer, name)
            ),
            hardware=hardware,
            presets=ENCODERS[name].presets if name in ENCODERS else (),
        )
        for name, codec, description, pixel_formats, hardware in _core.list_encoders()
    }


def codecs() -> list[CodecInfo]:
    """Return the video encoders of the FFmpeg in use whose format a supported container can hold.

    >>> [info.codec for info in codecs() if info.name == "gif"]
    ['gif']
    """
    return [info for info in _installed().values() if info.suffixes]


def find_container(suffix: str, argument: str) -> Container:
    """Return the container of a file suffix.

    Args:
        suffix: End of a file name, such as ``".mp4"``.
        argument: The argument that it comes from, as ``name=value``.

    Raises:
        ConfigError: No container has this suffix.
    """
    container = CONTAINERS.get(suffix.lower())
    if container is None:
        raise ConfigError(
            f"{argument} has the suffix {show(suffix)}, which gymreel does not support; "
            f"use one of {', '.join(CONTAINERS)}"
        )
    return container


def choose_encoder(codec: str, container: Container) -> CodecInfo:
    """Return the encoder for ``codec``: ``"auto"``, a format such as ``"h264"``, or an encoder.

    Raises:
        CodecNotFoundError: The FFmpeg in use has no such encoder.
        ConfigError: The container cannot hold the encoder's format.

    Warns:
        GymreelWarning: For ``"auto"``, the preferred encoder of the container is missing.
    """
    check_text("codec", codec, wanted="a string such as 'auto', 'h264' or 'libx264',")
    installed = _installed()
    wanted = container.encoders if codec == "auto" else FORMATS.get(codec, (codec,))
    found = next((installed[name] for name in wanted if name in installed), None)
    if found is None:
        usable = [info.name for info in codecs() if _core.can_mux(container.muxer, info.name)]
        nearest = _nearest_codec(codec, container)
        raise CodecNotFoundError(
            f"codec={show(codec)}: FFmpeg {_core.ffmpeg_version} has no encoder "
            f"{' or '.join(show(name)[1:-1] for name in wanted)}; "
            + (f"did you mean codec={nearest!r}? For" if nearest else "for")
            + f" this container it has {', '.join(usable) or 'none'} (gymreel.codecs() lists all)"
        )
    if not _core.can_mux(container.muxer, found.name):
        raise ConfigError(
            f"codec={codec!r} cannot be stored in a {container.muxer} file; "
            f"use a path that ends in {', '.join(found.suffixes) or 'another suffix'}"
        )
    # A gymreel with its own FFmpeg was installed without libx264 on purpose.
    if codec == "auto" and found.name != wanted[0] and not _core.ffmpeg_is_bundled:
        warn(
            f"FFmpeg {_core.ffmpeg_version} has no encoder {wanted[0]}: recording with "
            f"{found.name} instead (pass codec={found.name!r} to avoid this warning)",
        )
    return found


_OTHER_NAMES: Mapping[str, str] = {
    "aom": "libaom-av1",
    "avc": "h264",
    "svtav1": "libsvtav1",
    "vpx": "libvpx-vp9",
    "x264": "libx264",
    "x265": "libx265",
}
"""Other names of encoders, in lower case and without punctuation."""


def _nearest_codec(codec: str, container: Container) -> str | None:
    """Return the usable codec whose name is most similar, or None."""
    installed = _installed()
    names = {
        name
        for name in (*FORMATS, *installed)
        for encoder in FORMATS.get(name, (name,))
        if encoder in installed and _core.can_mux(container.muxer, encoder)
    }
    spelled = {_letters_and_digits(name): name for name in sorted(names)}
    spelled |= {other: name for other, name in _OTHER_NAMES.items() if name in names}
    given = _letters_and_digits(codec[:40])
    near = difflib.get_close_matches(given, spelled, n=5)
    # Swapped letters are a slip. A different letter may be another codec, such as x265.
    near.sort(key=lambda name: sorted(name) != sorted(given))
    return spelled[near[0]] if near else None


def _letters_and_digits(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def choose_pixel_format(pixel_format: str, encoder: CodecInfo) -> str:
    """Return the pixel format to encode in.

    If the encoder does not take the default, ``"yuv420p"``, its own first one is used: GIF has a
    palette, and libx264rgb has RGB only.

    Raises:
        ConfigError: The encoder does not take a pixel format other than the default.
    """
    check_text("pixel_format", pixel_format)
    if pixel_format in encoder.pixel_formats:
        return pixel_format
    if pixel_format == "yuv420p":
        return "pal8" if "pal8" in encoder.pixel_formats else encoder.pixel_formats[0]
    raise ConfigError(
        f"pixel_format={show(pixel_format)} is not supported by {encoder.name}: use one of "
        f"{', '.join(encoder.pixel_formats)}"
    )


def encoder_options(
    encoder: str,
    preset: str | None,
    crf: float | None,
    options: Mapping[str, str] | None,
) -> list[tuple[str, str]]:
    """Return the options to open an encoder with. The user's ``options`` override all others.

    Raises:
        ConfigError: The encoder does not have this preset, quality or option.
    """
    known = ENCODERS.get(encoder, Encoder())
    result = dict(known.options)
    if preset is not None or known.preset is not None:
        result[known.preset_option] = _check_preset(encoder, known, preset)
    chosen = check_mapping("options", options)
    if fixed := _FIXED & chosen.keys():
        raise ConfigError(
            f"options={show(options)}: {', '.join(sorted(fixed))} cannot be set, because frames "
            "are converted to BT.709 limited range and tagged accordingly; fps and pixel_format "
            "are arguments"
        )
    # The default quality must not override another kind of rate control.
    if crf is not None or (known.crf is not None and not _RATE_CONTROLS & chosen.keys()):
        result[known.crf_option] = _check_crf(encoder, known, crf)
        if known.crf_flags:
            chosen["flags"] = known.crf_flags + chosen.get("flags", "")
    for name in known.options.keys() & chosen.keys():
        if name.endswith("-params"):  # Add to ours instead of replacing them.
            chosen[name] = f"{known.options[name]}:{chosen[name]}"
    result |= chosen
    pairs = list(result.items())
    try:
        _core.check_encoder_options(encoder, pairs)
    except ConfigError as error:
        given = f"options={show(options)}" if options else f"preset={show(preset)}, crf={show(crf)}"
        raise ConfigError(f"{given}: {error}") from None
    return pairs


def _check_preset(encoder: str, known: Encoder, preset: object) -> str:
    if preset is None:
        return str(known.preset)
    number = to_whole_number(preset)
    chosen = preset if number is None else show(number)  # Some presets are numbers.
    if encoder in ENCODERS and not known.presets:
        raise ConfigError(f"preset={show(preset)}: {encoder} has no presets, leave it out")
    if known.presets and (not isinstance(chosen, str) or chosen not in known.presets):
        error = ConfigError if isinstance(chosen, str) else ConfigTypeError
        choices = ", ".join(known.presets)
        raise error(f"preset={show(preset)} is not supported by {encoder}: use one of {choices}")
    return check_text("preset", chosen)


def _check_crf(encoder: str, known: Encoder, crf: object) -> str:
    chosen = known.crf if crf is None else crf
    value = float(check_number("crf", chosen, is_finite=True, also=", or None"))
    if encoder in ENCODERS and known.crf_range is None:
        raise ConfigError(f"crf={show(crf)}: {encoder} is lossless or has no crf, leave it out")
    if known.crf_range is not None:
        low, high = known.crf_range
        if not low <= value <= high:
            raise ConfigError(f"crf={show(crf)} must be from {low:g} to {high:g} for {encoder}")
    return known.crf_text(value)

"""The options that every recorder takes: their types, defaults and documentation, once."""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from gymreel._writer_config import ENCODING_DEFAULTS, EncodingOptions
from gymreel.episodes import Episode
from gymreel.errors import ConfigTypeError
from gymreel.keep import KeepPolicy
from gymreel.trackers import Tracker

__all__ = ["DEFAULTS", "RecorderOptions", "complete_options", "documents_options"]


class RecorderOptions(EncodingOptions, total=False):
    """The keyword arguments that all recorders have in common.

    Attributes:
        codec: Name of an encoder, or ``"auto"`` for the best one for the container.
        preset: Speed of the encoder, as the encoder names it; None for its default.
        crf: Constant quality of the encoder, where lower is better; None for its default.
        pixel_format: How the video stores colours, by FFmpeg's name.
        options: Further options of the encoder, by FFmpeg's names.
        copy: Whether to copy each frame. ``"auto"`` copies only frames that something else can
            still reach.
        max_pending_bytes: Most bytes of frames that may wait for the encoder, per file.
        on_full: Whether a frame beyond that limit waits (``"block"``) or is left out (``"drop"``).
        scale: Each pixel becomes a square of ``scale`` by ``scale`` equal pixels. ``"auto"``
            magnifies pictures below 320 pixels to at least 600, as environments of pixels need:
            videos store colours for squares of 2 x 2 pixels.
        frame_stride: Number n, if every n-th step is recorded. The frame rate is
            divided by it, so that a video takes as long. The first frame of a recording and the
            last one of an episode that ends (in a grid, of the first environment's) are always
            recorded. What is left out is not rendered either.
        suffix: Suffix of the file names, which selects the container.
        on_error: What happens when a video fails. ``"warn"`` warns once per video. ``"raise"``
            raises: for the recording in progress at once, from the ``step`` or ``reset`` that
            captured the frame (the environment has taken that step, but its result is lost); for a
            file that is completing in the background from the next ``reset``, before the
            environment sees it, or from ``close``. Either way recording has stopped and the
            recorder can be used further.
        wait: Whether the ``reset`` or ``step`` that ends a recording waits until the video is
            complete, for 10 seconds at most (it warns once where that is not enough). For scripts
            that look for the file at once; :meth:`wait_for_videos` waits only when it is called.
        keep: Which videos stay, decided when they are complete: a policy of ``gymreel.keep``, its
            textual form, or a function of an ``Episode``. None keeps all.
        on_saved: Function that is called with the ``Episode`` of each video that is complete and
            stays, during a later ``reset`` or ``close``; see ``report_when``.
        episode_log: Whether to append a line for each episode, recorded or not, to
            ``episodes.jsonl`` in the folder, for ``gymreel.read_episodes``. None appends where
            ``keep``, ``on_saved`` or ``trackers`` is given, or where the environment variable
            ``GYMREEL_EPISODE_LOG`` is ``1``.
        trackers: Trackers that are told of episodes and videos, see ``gymreel.trackers``.
        report_when: When ``on_saved`` and trackers are told of a video. ``"certain"``: once it is
            certain to stay, which is at ``close`` for policies that may drop a video later
            (``best``, ``worst``, ``last``, ``disk_budget``). ``"complete"``: once the file is
            complete, although it may be dropped later.
    """

    frame_stride: int
    suffix: str
    on_error: Literal["warn", "raise"]
    wait: bool
    keep: KeepPolicy | Callable[[Episode], bool] | str | None
    on_saved: Callable[[Episode], object] | None
    episode_log: bool | None
    trackers: Sequence[Tracker] | None
    report_when: Literal["certain", "complete"]


DEFAULTS: RecorderOptions = {
    **ENCODING_DEFAULTS,
    "frame_stride": 1,
    "suffix": ".mp4",
    "on_error": "warn",
    "wait": False,
    "keep": None,
    "on_saved": None,
    "episode_log": None,
    "trackers": None,
    "report_when": "certain",
}


def complete_options(who: type, given: RecorderOptions) -> RecorderOptions:
    """Return the options of a recorder, with the default of each that was not given.

    Args:
        who: Class of the recorder, for the error.
        given: The keyword arguments that it was called with.

    Raises:
        ConfigTypeError: There is no option of a given name; the message names the one like it.
    """
    for name in given:
        if name not in DEFAULTS:
            alike = difflib.get_close_matches(name, DEFAULTS, n=1)
            advice = f"; did you mean {alike[0]!r}?" if alike else ""
            raise ConfigTypeError(
                f"{who.__name__}.__init__() got an unexpected keyword argument {name!r}{advice}"
            )
    return {**DEFAULTS, **given}


_Init = TypeVar("_Init", bound=Callable[..., None])


def documents_options(init: _Init) -> _Init:
    """Put the options into the signature and the docstring of a recorder's ``__init__``.

    The docstring has ``{options}`` in place of their entries, and ``**options`` in the signature
    becomes one keyword argument each, for ``help()`` and for tools that look at signatures.
    """
    if init.__doc__ is not None:  # With -OO there is none.
        init.__doc__ = inspect.cleandoc(init.__doc__).replace("{options}", _entries())
    init.__signature__ = _with_options(inspect.signature(init))  # type: ignore[attr-defined]
    return init


def _with_options(signature: inspect.Signature) -> inspect.Signature:
    """Return a signature with one keyword argument for each option in place of ``**options``."""
    named = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=_annotation(name),
        )
        for name, default in DEFAULTS.items()
    ]
    return signature.replace(parameters=[*named, *options])


def _annotation(name: str) -> Any:
    annotation = RecorderOptions.__annotations__[name]
    return getattr(annotation, "__forward_arg__", annotation)


def _entries() -> str:
    """Return the entries of the options in a docstring's ``Args`` section, with their defaults."""
    documented = inspect.cleandoc(RecorderOptions.__doc__ or "").partition("Attributes:\n")[2]
    entries = textwrap.dedent(documented)
    for name, default in DEFAULTS.items():
        entries = re.sub(rf"^{name}: ", f"{name} (default {default!r}): ", entries, flags=re.M)
    return textwrap.indent(entries, "    ").strip()

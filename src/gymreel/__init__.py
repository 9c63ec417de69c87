"""gymreel records environments to video files, encoding on background threads.

``gymreel.wrappers`` has drop-in replacements for Gymnasium's ``RecordVideo`` and
``RecordEpisodeStatistics``. ``gymreel.VideoWriter`` records frames from any source and does not
need Gymnasium.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    from gymreel import _core
except ImportError as error:
    raise ImportError(
        "gymreel's native module could not be loaded. In a source checkout run `make demo` or "
        "`pip install .`. After an update of FFmpeg, reinstall gymreel, which is built against one "
        f"major version of it. The loader reported: {error}"
    ) from error

from gymreel import keep, triggers
from gymreel._lazy import import_when_asked
from gymreel.encoders import CodecInfo, codecs
from gymreel.engine import (
    get_max_pending_bytes,
    get_num_threads,
    get_priority,
    set_max_pending_bytes,
    set_num_threads,
    set_priority,
)
from gymreel.episodes import Episode, read_episodes
from gymreel.errors import (
    CallbackError,
    CodecNotFoundError,
    ConfigError,
    ConfigTypeError,
    EncodeError,
    FFmpegError,
    FrameError,
    FrameShapeError,
    FrameTypeError,
    GymreelError,
    GymreelWarning,
    InfosTypeError,
    MissingPackageError,
    NotRecordingError,
    OutputError,
    RecordedFramesError,
    RenderModeError,
    StatsKeyError,
    WriterClosedError,
    WriterCopyError,
)
from gymreel.notebook import VideoGallery, show
from gymreel.patching import patch, unpatch
from gymreel.recovery import RecoveredRecording, recover
from gymreel.writer import Recording, VideoWriter, WriterStats, encode, write_batch

if TYPE_CHECKING:
    from gymreel import grid as grid
    from gymreel import integrations as integrations
    from gymreel import pictures as pictures
    from gymreel import trackers as trackers
    from gymreel import wrappers as wrappers
else:
    __getattr__ = import_when_asked(
        __name__, "grid", "integrations", "pictures", "trackers", "wrappers"
    )

__version__ = _core.__version__

__all__ = [
    "CallbackError",
    "CodecInfo",
    "CodecNotFoundError",
    "ConfigError",
    "ConfigTypeError",
    "EncodeError",
    "Episode",
    "FFmpegError",
    "FrameError",
    "FrameShapeError",
    "FrameTypeError",
    "GymreelError",
    "GymreelWarning",
    "InfosTypeError",
    "MissingPackageError",
    "NotRecordingError",
    "OutputError",
    "RecordedFramesError",
    "Recording",
    "RecoveredRecording",
    "RenderModeError",
    "StatsKeyError",
    "VideoGallery",
    "VideoWriter",
    "WriterClosedError",
    "WriterCopyError",
    "WriterStats",
    "__version__",
    "codecs",
    "encode",
    "get_max_pending_bytes",
    "get_num_threads",
    "get_priority",
    "keep",
    "patch",
    "read_episodes",
    "recover",
    "set_max_pending_bytes",
    "set_num_threads",
    "set_priority",
    "show",
    "triggers",
    "unpatch",
    "write_batch",
]

"""``TensorBoard`` writes episodes and videos to event files."""

from __future__ import annotations

import importlib
import os
import time
import weakref
from typing import Any

from gymreel._exit import AtExitOfChild
from gymreel._extras import import_package
from gymreel._validation import check_path, show
from gymreel._warnings import warn
from gymreel.episodes import Episode
from gymreel.errors import ConfigError, OutputError
from gymreel.trackers._tracker import Tracker, check_interrupted, check_prefix, scalars_of

__all__ = ["TensorBoard"]

_FLUSH_SECONDS = 10.0
_MAX_WAITING = 1000
"""Number of waiting events. TensorBoard's thread takes a sixth of a second for 1 MiB."""


class TensorBoard(Tracker):
    """Writes scalars of each episode, and GIF videos, to event files.

    ``episode/return`` and ``episode/length`` are logged at the step at which the episode ended,
    counted over all environments. The episodes of several environments form one curve.

    A ``.gif`` file becomes the image ``episode/video``. TensorBoard plays no other videos: a text
    names the file instead, and one warning says so. TensorBoard shows ten images per tag unless it
    is started with ``--samples_per_plugin images=100``.

    Events are in the file after about ten seconds, and after :meth:`close`, when the tracker is
    dropped, and when the interpreter exits. A process that is forked or spawned with a tracker
    writes its own event file. TensorBoard follows several growing files with
    ``--reload_multifile true``.
    """

    def __init__(
        self,
        log_dir_or_writer: str | os.PathLike[str] | Any,
        *,
        prefix: str = "episode",
        interrupted: bool = False,
    ) -> None:
        """Write to a folder, or through an existing writer.

        Args:
            log_dir_or_writer: A folder, which is created if necessary, or a ``SummaryWriter`` of
                PyTorch or tensorboardX, which the caller closes. If there is such a writer, pass
                it: TensorBoard expects one event file per folder.
            prefix: Start of the tags, such as ``"eval"``.
            interrupted: Whether to log the numbers of episodes that ``close()`` or an early
                ``reset()`` interrupted.

        Raises:
            ConfigError: An argument is invalid.
            MissingPackageError: TensorBoard is not installed: ``pip install gymreel[tensorboard]``.
            OutputError: The folder cannot be created.
        """
        self._prefix = check_prefix(prefix)
        self._interrupted = check_interrupted(interrupted)
        self._log: _EventFile | _GivenWriter
        if isinstance(log_dir_or_writer, (str, os.PathLike)):
            self._log = _EventFile(check_path(log_dir_or_writer, "log_dir_or_writer"))
        elif all(callable(getattr(log_dir_or_writer, name, None)) for name in _GivenWriter.NEEDS):
            self._log = _GivenWriter(log_dir_or_writer)
        else:
            raise ConfigError(
                f"log_dir_or_writer={show(log_dir_or_writer)} must be a folder, or a SummaryWriter "
                "of torch.utils.tensorboard or tensorboardX"
            )
        self._has_warned = False

    def log_episode(self, episode: Episode) -> None:
        """Write the scalars of an episode."""
        if episode.interrupted and not self._interrupted:
            return
        for name, value in scalars_of(episode).items():
            self._log.add_scalar(f"{self._prefix}/{name}", value, episode.step)

    def log_video(self, episode: Episode) -> None:
        """Log a GIF as an image, and the name of any other video as a text."""
        assert episode.path is not None
        tag = f"{self._prefix}/video"
        if episode.path.suffix.lower() == ".gif":
            self._log.add_gif(tag, episode.path.read_bytes(), episode.step)
        else:
            text = f"{episode.describe()}: `{episode.path}`"
            self._log.add_text(tag, text, episode.step)
            if not self._has_warned:
                self._has_warned = True
                warn(
                    f"TensorBoard plays no {episode.path.suffix} files, so it shows only the names "
                    'of the videos; use suffix=".gif" to see them',
                )

    def close(self) -> None:
        """Complete the event file; a later episode starts another. Only flush a given writer."""
        self._log.close()


class _EventFile:
    """Writes an event file per process, which is created with the first event."""

    def __init__(self, folder: str) -> None:
        _load("tensorboard.summary.writer.event_file_writer")
        self._folder = os.path.abspath(folder)  # The working folder may change.
        try:
            os.makedirs(self._folder, exist_ok=True)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(
                error.errno or 0, "make the folder of log_dir_or_writer", reason, self._folder
            ) from None
        self._writer: Any = None
        self._finalizer: Any = None
        self._pid = 0

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        summary = _load("tensorboard.compat.proto.summary_pb2").Summary()
        summary.value.add(tag=tag, simple_value=value)
        self._add(summary, step)

    def add_gif(self, tag: str, data: bytes, step: int) -> None:
        protos = _load("tensorboard.compat.proto.summary_pb2")
        self._add(_image_summary(protos, tag, data), step)

    def add_text(self, tag: str, text: str, step: int) -> None:
        tensors = _load("tensorboard.compat.proto.tensor_pb2")
        tensor = tensors.TensorProto(dtype="DT_STRING", string_val=[text.encode()])
        tensor.tensor_shape.dim.add(size=1)
        summary = _load("tensorboard.compat.proto.summary_pb2").Summary()
        value = summary.value.add(tag=f"{tag}/text_summary", tensor=tensor)
        value.metadata.plugin_data.plugin_name = "text"
        self._add(summary, step)

    def close(self) -> None:
        if self._finalizer is not None:
            self._finalizer()
        self._writer = self._finalizer = None

    def _add(self, summary: Any, step: int) -> None:
        # After a fork, the writing thread and its file belong to the parent.
        if self._writer is None or self._pid != os.getpid():
            writers = _load("tensorboard.summary.writer.event_file_writer")
            self._writer = writers.EventFileWriter(self._folder, _MAX_WAITING, _FLUSH_SECONDS)
            self._pid = os.getpid()
            self._finalizer = weakref.finalize(self, _close, self._writer, self._pid)
            AtExitOfChild(self._finalizer).register()
        event = _load("tensorboard.compat.proto.event_pb2").Event
        self._writer.add_event(event(wall_time=time.time(), step=step, summary=summary))

    def __reduce__(self) -> tuple[type[_EventFile], tuple[str]]:
        return type(self), (self._folder,)


class _GivenWriter:
    """Writes through a ``SummaryWriter``, which the caller closes.

    It works only in the process in which it was made. In other processes its thread does not run,
    so the first call raises.
    """

    NEEDS = ("add_scalar", "add_text", "flush")

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._pid = os.getpid()
        self._has_said = False

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        if self._is_ours():
            self._writer.add_scalar(tag, value, step)

    def add_gif(self, tag: str, data: bytes, step: int) -> None:
        if not self._is_ours():
            return
        # There is no method for an encoded image, so this does what ``add_image`` does. The event
        # must be of the package's own protobuf classes.
        packages = {each.__module__.partition(".")[0] for each in type(self._writer).__mro__}
        name = "tensorboardX.proto" if "tensorboardX" in packages else "tensorboard.compat.proto"
        summary = _image_summary(_load(f"{name}.summary_pb2"), tag, data)
        self._writer._get_file_writer().add_summary(summary, step)

    def add_text(self, tag: str, text: str, step: int) -> None:
        if self._is_ours():
            self._writer.add_text(tag, text, step)

    def close(self) -> None:
        if self._is_ours():
            self._writer.flush()

    def _is_ours(self) -> bool:
        if self._pid == os.getpid():
            return True
        if not self._has_said:
            self._has_said = True
            raise ConfigError(
                "a SummaryWriter cannot be used in another process than its own; pass a folder "
                "instead, in which each process writes an event file: TensorBoard(log_dir)"
            )
        return False


def _image_summary(protos: Any, tag: str, data: bytes) -> Any:
    width, height = _size_of_gif(data)
    summary = protos.Summary()
    image = protos.Summary.Image(
        height=height, width=width, colorspace=3, encoded_image_string=data
    )
    summary.value.add(tag=tag, image=image)
    return summary


def _size_of_gif(data: bytes) -> tuple[int, int]:
    if data[:4] != b"GIF8" or len(data) < 10:
        raise ValueError("this is not a GIF file")
    return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")


def _load(name: str) -> Any:
    if name.startswith("tensorboardX"):
        return importlib.import_module(name)
    return import_package(name, "tensorboard", "TensorBoard")


def _close(writer: Any, pid: int) -> None:
    if pid == os.getpid():
        writer.close()

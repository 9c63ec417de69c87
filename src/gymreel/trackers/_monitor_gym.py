"""Support for ``wandb.init(monitor_gym=True)``, which logs videos to the active run.

W&B itself replaces ``gymnasium.wrappers.RecordVideo.close`` with a function that needs attributes
of a class that Gymnasium 1.0 removed, so it logs nothing there. The only trace of the setting is
the entry ``wandb.patched["gym"]``, which ``wandb.gym.monitor()`` adds as well.
"""

from __future__ import annotations

import sys

from gymreel.episodes import Episode
from gymreel.trackers._wandb import as_media

__all__ = ["log_to_monitored_run"]


def log_to_monitored_run(episode: Episode) -> None:
    """Log a complete video under W&B's name ``videos``, if the active run monitors Gymnasium.

    Raises:
        RuntimeError: The interpreter is exiting, and the run has ended.
    """
    wandb = sys.modules.get("wandb")  # If there is a run, it has been imported.
    run = getattr(wandb, "run", None)
    if run is None or not getattr(wandb, "patched", {}).get("gym"):
        return
    if sys.is_finalizing():
        raise RuntimeError("the run has ended; call close() of the environment before")
    media = as_media(wandb, episode)
    if media is not None:
        run.log({"videos": media})

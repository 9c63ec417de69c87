"""What ``wandb.init(monitor_gym=True)`` asks for: videos go to the active run by themselves.

W&B replaces ``gymnasium.wrappers.RecordVideo.close`` with a function that looks for the attributes
of a class which Gymnasium 1.0 has removed, so there it logs nothing. That it has done so is the one
trace of the setting, in ``wandb.patched["gym"]``; calling ``wandb.gym.monitor()`` leaves it too.
"""

from __future__ import annotations

import sys

from gymreel.episodes import Episode
from gymreel.trackers._wandb import as_media

__all__ = ["log_to_monitored_run"]


def log_to_monitored_run(episode: Episode) -> None:
    """Log a complete video as ``videos``, as W&B did, if there is a run that asks for it.

    Raises:
        RuntimeError: The interpreter is ending, and the run has ended.
    """
    wandb = sys.modules.get("wandb")  # Who has a run has imported it.
    run = getattr(wandb, "run", None)
    if run is None or not getattr(wandb, "patched", {}).get("gym"):
        return
    if sys.is_finalizing():
        raise RuntimeError("the run has ended; call close() of the environment before")
    media = as_media(wandb, episode)
    if media is not None:
        run.log({"videos": media})

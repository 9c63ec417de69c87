"""Trackers report episodes and videos to TensorBoard, Weights & Biases, MLflow and ``logging``.

Pass them to a recorder: ``RecordVideo(env, "videos", trackers=[TensorBoard("runs")])``. Each
package is imported when its tracker is made. A video is logged as the file that it is, once it is
certain to stay. The numbers of episodes that ``close()`` or an early ``reset()`` interrupted are
left out, unless a tracker is made with ``interrupted=True``; ``Logging`` has a line for every
episode.
"""

from __future__ import annotations

from gymreel.trackers._logging import Logging
from gymreel.trackers._mlflow import MLflow
from gymreel.trackers._tensorboard import TensorBoard
from gymreel.trackers._tracker import Tracker
from gymreel.trackers._wandb import WandB

__all__ = ["Logging", "MLflow", "TensorBoard", "Tracker", "WandB"]

"""Where episodes and their videos are shown: TensorBoard, Weights & Biases, MLflow, logging.

Give them to a recording wrapper: ``RecordVideo(…, trackers=[TensorBoard("runs")])``. Each package
is imported when its tracker is made, and a video goes there as the file that it is, once it is
certain that it stays. The numbers of interrupted episodes, which were cut off by ``close()`` or an
early ``reset()``, are left out unless a tracker is made with ``interrupted=True``; ``Logging`` has
a line for every episode.
"""

from __future__ import annotations

from gymreel.trackers._logging import Logging
from gymreel.trackers._mlflow import MLflow
from gymreel.trackers._tensorboard import TensorBoard
from gymreel.trackers._tracker import Tracker
from gymreel.trackers._wandb import WandB

__all__ = ["Logging", "MLflow", "TensorBoard", "Tracker", "WandB"]

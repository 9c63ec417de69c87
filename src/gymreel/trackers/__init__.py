"""Where episodes and their videos are shown: TensorBoard, Weights & Biases, MLflow, logging.

Give them to a recording wrapper: ``RecordVideo(…, trackers=[TensorBoard("runs")])``. Each package
is imported when its tracker is made, and a video goes there as the file that it is.
"""

from __future__ import annotations

from gymreel.trackers._tracker import Tracker

__all__ = ["Tracker"]

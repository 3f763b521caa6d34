"""Rendered hands that hold objects, with the true joints: how good is the hand pose where it is hard?

`python -m h2s2r_sim.hand_bench` draws recordings from a seed, runs the default hand pose estimator over them
and writes `build/bench/hand_in_object.json`.
"""

from h2s2r_sim.hand_bench.measure import hand_in_object_figures
from h2s2r_sim.hand_bench.recording import GraspRecording, draw_recording

__all__ = ["GraspRecording", "draw_recording", "hand_in_object_figures"]

"""How well a known object is followed: generated recordings with known truth, metrics, peers, one command.

`sequences.generate` makes one recording from (split, object, condition, index), always the same one.
`python -m h2s2r_sim.perception_bench` runs the benchmark; `conditions` states its ground rules.
"""

from h2s2r_sim.perception_bench.conditions import CONDITIONS, OBJECTS, SPLITS
from h2s2r_sim.perception_bench.sequences import TrackedSequence, generate

__all__ = ["CONDITIONS", "OBJECTS", "SPLITS", "TrackedSequence", "generate"]

"""The conformance suite of embodiments: what every robot's YAML, URDF and MJCF must satisfy, measured.

One module for each check; each takes the `Subject` and returns `Finding`s. `suite.py` lists them.
"""

from h2s2r_sim.embodiment_check.finding import Finding
from h2s2r_sim.embodiment_check.suite import CHECKS, Report, check_embodiment

__all__ = ["CHECKS", "Finding", "Report", "check_embodiment"]

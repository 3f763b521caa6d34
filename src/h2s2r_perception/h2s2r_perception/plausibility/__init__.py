"""Whether the parts of a Recording agree with each other."""

from h2s2r_perception.plausibility.check import check_plausibility, require_plausible
from h2s2r_perception.plausibility.configuration import PlausibilityConfiguration

__all__ = ["PlausibilityConfiguration", "check_plausibility", "require_plausible"]

"""Whether the parts of a Recording agree with each other."""

from h2s2r_perception.plausibility.check import PlausibilityConfiguration, check_plausibility, require_plausible

__all__ = ["PlausibilityConfiguration", "check_plausibility", "require_plausible"]

"""Retargeting against mink, pink, dex-retargeting and the best that is possible: `make bench-retarget`."""

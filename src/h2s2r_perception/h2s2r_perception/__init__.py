"""Perception: from a camera to a Demonstration; also the artefact format every later stage uses."""

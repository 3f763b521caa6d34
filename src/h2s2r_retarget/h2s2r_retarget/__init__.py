"""Embodiments, kinematics and two-step inverse kinematics: from a Demonstration to a Retargeting."""

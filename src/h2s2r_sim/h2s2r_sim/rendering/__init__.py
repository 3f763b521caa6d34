"""A camera, a renderer for any MuJoCo model, and what a real sensor does to its pictures."""

from h2s2r_sim.rendering.camera import Camera
from h2s2r_sim.rendering.renderer import SceneRenderer
from h2s2r_sim.rendering.sensor import RgbdSensor, SensorConfiguration

__all__ = ["Camera", "RgbdSensor", "SceneRenderer", "SensorConfiguration"]

"""Building a digital twin of what stands in the real world: objects from scans, scenes from depth, and the proof."""

from h2s2r_sim.twin_building.object_twin import OBJECT_TWIN_SCHEMA, ObjectTwinConfiguration, build_object_twin

__all__ = ["OBJECT_TWIN_SCHEMA", "ObjectTwinConfiguration", "build_object_twin"]

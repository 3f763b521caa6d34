"""The task's scene as retargeting sees it: boxes and the object's shape, nothing of the simulator."""

from __future__ import annotations

import numpy as np

from h2s2r_perception.geometry import pose, rotation_from_vector
from h2s2r_perception.object_model import load_object_model
from h2s2r_retarget.collision import BoxObstacle, CollisionWorld, ObjectShape
from h2s2r_sim.fixtures import BoxSpec
from h2s2r_sim.task import Task


def collision_world(task: Task) -> CollisionWorld:
    """Table, statics and object of a task.

    Raises:
        InputError: The object's mesh is unusable.
    """
    model = load_object_model(task.object.mesh, task.object.symmetry)
    return CollisionWorld(
        statics=tuple(_obstacle(box) for box in (task.scene.table, *task.scene.obstacles)),
        # For keeping clear of it, the hull stands for the parts that fill it.
        object=ObjectShape(model.vertices, kind="box" if task.object.collision == "box" else "hull"),
    )


def _obstacle(box: BoxSpec) -> BoxObstacle:
    rotation = rotation_from_vector(np.array([0.0, 0.0, box.yaw_rad]))
    return BoxObstacle(box.name, box.size_m, np.asarray(pose(rotation, np.array(box.position_m))))

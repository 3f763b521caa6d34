"""Pictures of the human's hand and the robot's for the Retargeting, where the machine can render them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from h2s2r_bringup.run_folder import RunFolder
from h2s2r_perception.artefact import InputError
from h2s2r_perception.artefact.folder import META

if TYPE_CHECKING:
    from h2s2r_perception.demonstration import Demonstration
    from h2s2r_retarget.embodiment import Embodiment
    from h2s2r_retarget.retargeting import Retargeting
    from h2s2r_retarget.stage import Illustrate
    from h2s2r_sim.task import Task


def hand_pictures(task: Task, embodiment: Embodiment, run: RunFolder, say: Callable[[str], None]) -> Illustrate:
    """What draws them, of the pre-manipulation frame; a machine without OpenGL goes without, and says so.

    Args:
        task: The scene.
        embodiment: The robot.
        run: Its recording, where there is one of the demonstration's length, gives the camera's image.
        say: Told in one line what could not be drawn.
    """

    def draw(folder: Path, retargeting: Retargeting, demonstration: Demonstration) -> None:
        from h2s2r_perception.recording import Recording
        from h2s2r_sim.retargeting_view import HandPair, write_pictures

        frame = demonstration.premanipulation_index
        pair = HandPair(
            demonstration.hand_joints_world[frame], retargeting.joint_position, demonstration.T_world_object[frame]
        )
        try:
            recording = Recording.open(run.recording) if (run.recording / META).is_file() else None
            if recording is not None and recording.frame_count != len(demonstration.stamp_ns):
                recording = None  # of another demonstration
            write_pictures(folder, task, embodiment, pair, recording, frame)
        except InputError as error:
            say(f"no pictures of the hands: {error}")

    return draw

"""Anybody's URDF becomes an embodiment that loads, or is told in one line what is wrong with it."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml

from h2s2r_perception.artefact import InputError
from h2s2r_retarget.collision import BoxObstacle, CollisionChecker, CollisionWorld
from h2s2r_retarget.description.joining import join
from h2s2r_retarget.description.model import Box, Capsule, Cylinder, Hull, Sphere, rotation_from_rpy, rpy_from_rotation
from h2s2r_retarget.description.robots import ROBOTS
from h2s2r_retarget.description.urdf import to_urdf
from h2s2r_retarget.description.urdf_reading import read_description
from h2s2r_retarget.description.writing import write_files
from h2s2r_retarget.embodiment import load_embodiment
from h2s2r_retarget.kinematics import BatchedKinematics
from h2s2r_retarget.proposal import propose

trimesh = pytest.importorskip("trimesh")
mujoco = pytest.importorskip("mujoco")

spec = importlib.util.spec_from_file_location("plain_robot", Path(__file__).with_name("plain_robot.py"))
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
plain_robot = module.plain_robot


@pytest.fixture
def urdf(tmp_path):
    """Writes the plain robot with replacements, and gives its path."""

    def write(*replacements, name="plain.urdf"):
        text = plain_robot()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The embodiment proposed for the plain robot, and its remarks."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "source.urdf").write_text(plain_robot())
    proposal = propose(read_description(folder / "source.urdf"), palm="palm", name="plain")
    write_files(folder / "out", proposal.files)
    return load_embodiment(folder / "out" / "plain.yaml"), proposal


@pytest.mark.parametrize("robot", ROBOTS, ids=lambda robot: robot.name)
def test_what_is_written_as_urdf_is_read_back_as_it_was(robot, tmp_path):
    (tmp_path / "robot.urdf").write_text(to_urdf(robot))
    read = read_description(tmp_path / "robot.urdf")
    assert [link.name for link in read.links] == [link.name for link in robot.links]
    for mine, other in zip(read.links, robot.links, strict=True):
        colliding = [shape for shape in other.shapes if shape.collides]
        assert [type(shape.primitive) for shape in mine.shapes] == [type(shape.primitive) for shape in colliding]
        for a, b in zip(mine.shapes, colliding, strict=True):
            for key, value in vars(b.primitive).items():
                assert np.allclose(getattr(a.primitive, key), value, atol=1e-9)
        assert (mine.inertial is None) == (other.inertial is None)
        if other.inertial is not None:
            assert np.allclose(mine.inertial.inertia, other.inertial.inertia, rtol=1e-9, atol=1e-15)
    for mine, other in zip(read.joints, robot.joints, strict=True):
        assert (mine.name, mine.kind) == (other.name, other.kind)
        assert (mine.lower, mine.upper) == pytest.approx((other.lower, other.upper), abs=1e-9)
        assert np.allclose(rotation_from_rpy(mine.rpy), rotation_from_rpy(other.rpy), atol=1e-9)


def test_every_kind_of_shape_is_read(urdf, tmp_path):
    (tmp_path / "meshes").mkdir()
    trimesh.creation.icosphere(subdivisions=4, radius=30.0).export(tmp_path / "meshes" / "ball.stl")
    geometry = '<box size="0.09 0.03 0.08"/>'
    origin = '<origin xyz="0.1 0 0" rpy="0 1.5707963267948966 0"/>'
    shapes = [
        '<geometry><sphere radius="0.02"/></geometry>',
        '<geometry><cylinder radius="0.02" length="0.2"/></geometry>',
        '<geometry><box size="0.1 0.2 0.3"/></geometry>',
        '<geometry><mesh filename="meshes/ball.stl" scale="0.001 0.001 0.001"/></geometry>',
    ]
    more = "".join(f"</collision><collision>{origin}{shape}" for shape in shapes)
    palm = next(
        link
        for link in read_description(
            urdf((f"<geometry>{geometry}</geometry>", f"<geometry>{geometry}</geometry>{more}"))
        ).links
        if link.name == "palm"
    )
    box, ball, cylinder, turned, mesh = (shape.primitive for shape in palm.shapes)
    assert isinstance(box, Box) and isinstance(ball, Sphere) and isinstance(cylinder, Cylinder)
    assert np.allclose(cylinder.start, [0.0, 0.0, 0.0]) and np.allclose(cylinder.end, [0.2, 0.0, 0.0])
    assert isinstance(turned, Hull) and np.allclose(np.ptp(turned.points, axis=0), [0.3, 0.2, 0.1])
    assert isinstance(mesh, Hull) and len(mesh.points) <= 400  # of 2562
    assert np.linalg.norm(np.array(mesh.points) - [0.1, 0.0, 0.0], axis=1) == pytest.approx(0.03, abs=1e-6)


def test_the_inertia_of_a_turned_inertial_is_turned_with_it(urdf):
    old = '<mass value="0.4"/>'
    path = urdf(
        (
            '<origin xyz="0 0 0.04" rpy="0 0 0"/><mass value="0.4"/>',
            f'<origin xyz="0 0 0.04" rpy="0 0 1.5707963267948966"/>{old}',
        )
    )
    turned = {link.name: link for link in read_description(path).links}["palm"].inertial.inertia
    straight = {link.name: link for link in read_description(urdf()).links}["palm"].inertial.inertia
    assert np.allclose(turned[:3], [straight[1], straight[0], straight[2]]) and np.allclose(turned[3:], 0.0)


@pytest.mark.parametrize("rpy", [(0.1, -0.4, 2.0), (0.3, np.pi / 2, 0.0), (-2.0, -np.pi / 2, 0.0), (3.1, 0.2, -3.0)])
def test_roll_pitch_yaw_come_back_from_their_rotation(rpy):
    R = rotation_from_rpy(rpy)
    assert np.allclose(rotation_from_rpy(rpy_from_rotation(R)), R, atol=1e-9)


def test_a_plain_urdf_becomes_an_embodiment_with_the_palm_axes_of_a_right_hand(plain):
    embodiment, proposal = plain
    assert embodiment.palm_frame == "palm_axes" and any("palm_axes was added" in line for line in proposal.remarks)
    assert dict(zip(embodiment.human_fingertips, embodiment.fingertip_frames, strict=True)) == {
        "index": "first_far_tip",
        "middle": "second_far_tip",
        "thumb": "thumb_far_tip",
    }
    hand = BatchedKinematics(embodiment).forward(embodiment.home[None])
    T = hand.T_world_palm[0]
    index, middle, thumb = (hand.fingertip_position[0] - T[:3, 3]) @ T[:3, :3]
    assert index[2] > 0.05 and middle[2] > 0.05  # in front
    assert thumb[1] > index[1] > middle[1]  # the thumb's side is +y
    bent = embodiment.home.copy()
    bent[-2:] += 0.5  # the second finger
    assert (
        BatchedKinematics(embodiment).forward(bent[None]).fingertip_position[0, 1] - hand.fingertip_position[0, 1]
    ) @ T[:3, 0] > 0.01  # fingers close to +x
    # Home: fingers forward and down, palm to the left or down, free of itself.
    assert T[:3, 2] @ [np.sqrt(0.5), 0.0, -np.sqrt(0.5)] > 0.99 and min(-T[1, 0], T[2, 0]) < 0.01
    assert not CollisionChecker(embodiment, CollisionWorld()).self_contacts(embodiment.home)


def test_an_invented_fingertip_lies_a_radius_before_the_end_of_its_shape(plain):
    embodiment, _ = plain
    assert embodiment.fingertip_radius == pytest.approx([0.009] * 3, abs=1e-3)
    description = read_description(embodiment.urdf)
    tip = next(joint for joint in description.joints if joint.child == "first_far_tip")
    assert tip.position == pytest.approx((0.0, 0.0, 0.05 - 0.009), abs=2e-3)


def test_closing_brings_the_tips_together(plain):
    embodiment, _ = plain
    assert embodiment.synergy_names[0] == "closure"
    hands = []
    for coordinate in (0.0, 1.0):
        posture = embodiment.home.copy()
        posture[embodiment.arm_dof :] = embodiment.synergy_mean + coordinate * embodiment.synergy_basis[0]
        assert (posture >= embodiment.limits.lower).all() and (posture <= embodiment.limits.upper).all()
        hands.append(BatchedKinematics(embodiment).forward(posture[None]).fingertip_position[0])
    spread = [np.linalg.norm(tips[0] - tips[2]) for tips in hands]
    assert spread[1] < spread[0]


def test_a_mesh_is_a_convex_hull_for_collisions_and_in_the_simulation(urdf, tmp_path):
    (tmp_path / "meshes").mkdir()
    trimesh.creation.box((0.09, 0.03, 0.08)).export(tmp_path / "meshes" / "palm.stl")
    path = urdf(('<box size="0.09 0.03 0.08"/>', '<mesh filename="package://pack/meshes/palm.stl"/>'))
    with pytest.raises(InputError, match=r"link `palm` mesh.*--package-path"):
        read_description(path)
    (tmp_path / "pack").symlink_to(tmp_path)
    proposal = propose(read_description(path, package_paths=[tmp_path]), palm="palm", name="meshed")
    write_files(tmp_path / "out", proposal.files)
    embodiment = load_embodiment(tmp_path / "out" / "meshed.yaml")
    palm = BatchedKinematics(embodiment).forward(embodiment.home[None]).T_world_palm[0]
    wall = np.eye(4)
    wall[:3, 3] = palm[:3, 3] - 0.05 * palm[:3, 2]
    checker = CollisionChecker(embodiment, CollisionWorld((BoxObstacle("ball", (0.01, 0.01, 0.01), wall, False),)))
    assert any("palm" in contact.robot for contact in checker.contacts(embodiment.home, None))
    model = mujoco.MjModel.from_xml_path(str(embodiment.mjcf))
    assert model.nmesh == 1
    mesh = tmp_path / "out" / "meshes" / "palm_0.obj"
    before = embodiment.sha256
    mesh.write_text(mesh.read_text() + "# changed\n")
    assert load_embodiment(tmp_path / "out" / "meshed.yaml").sha256 != before
    mesh.unlink()
    with pytest.raises(InputError, match=r"meshed.urdf: mesh meshes/palm_0.obj"):
        load_embodiment(tmp_path / "out" / "meshed.yaml")


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "robot.xml").write_text("mine")
    with pytest.raises(InputError, match=r"robot.xml: file: expected none, found one already"):
        write_files(tmp_path, {"robot.yaml": "new", "robot.xml": "new"})
    assert (tmp_path / "robot.xml").read_text() == "mine" and not (tmp_path / "robot.yaml").exists()


def test_a_hand_is_joined_to_an_arm_and_what_hung_there_is_left_out(urdf):
    arm = read_description(urdf(), last="flange")
    hand = read_description(Path(load_embodiment("iiwa14_leap").urdf), first="leap_palm")
    robot = join(arm, hand, at="flange", position=(0.0, 0.0, 0.05), rpy=(0.0, 0.0, 0.0), name="joined")
    names = {link.name for link in robot.links}
    assert "palm" not in names and "lbr_link_0" not in names and {"flange", "th_tip"} <= names
    assert sum(joint.moves for joint in robot.joints) == 6 + 16
    with pytest.raises(InputError, match=r"link `base`.*rename"):
        join(arm, read_description(urdf()), at="flange", position=(0.0, 0.0, 0.0), rpy=(0.0, 0.0, 0.0), name="twice")


JOINT = '<limit lower="-1.9" upper="1.9" velocity="2" effort="100"/>'
INERTIA = '<mass value="0.4"/>'


@pytest.mark.parametrize(
    ("replacement", "field", "found", "remedy"),
    [
        ((INERTIA, '<mass value="0"/>'), None, None, None),  # the palm is fixed: a mere frame
        (('<mass value="2.0"/>', '<mass value="0"/>'), "link `turn` <inertial>", "a mass of 0", "homogeneous box"),
        (('<mass value="2.0"/>', '<mass value="two"/>'), "link `turn` <mass> value", "'two'", "correct"),
        ((JOINT, ""), "joint `upper_joint` <limit>", "none", "add them"),
        ((JOINT, '<limit lower="0" upper="0" velocity="2" effort="9"/>'), "<limit>", "lower 0, upper 0", "correct"),
        ((JOINT, '<limit lower="-1" upper="1" velocity="0" effort="9"/>'), "<limit> velocity", "0", "data sheet"),
        ((JOINT, '<limit lower="-1" upper="1" velocity="2"/>'), "<limit> effort", "0", "data sheet"),
        ((JOINT, JOINT + '<mimic joint="turn_joint"/>'), "joint `upper_joint` mimic", "copies `turn_joint`", "--fix"),
        (('type="revolute"', 'type="continuous"'), "joint `turn_joint` type", "continuous", "revolute"),
        (('type="revolute"', 'type="planar"'), "joint `turn_joint` type", "planar", "replace"),
        (('<child link="upper"/>', '<child link="uper"/>'), "joint `upper_joint` child", "`uper`", "correct the name"),
        (('<link name="palm">', '<link name="flange">'), "link `flange`", "2 of them", "its own name"),
        (('axis xyz="0 1 0"', 'axis xyz="0 0 0"'), "joint `upper_joint` axis", "zero vector", "correct"),
        (('axis xyz="0 1 0"', 'axis xyz="0 1"'), "joint `upper_joint` xyz", "'0 1'", "three numbers"),
        (('<box size="0.09 0.03 0.08"/>', '<box size="0.09 0 0.08"/>'), "link `palm` <box> size", "0.0", "correct"),
        (
            ('<box size="0.09 0.03 0.08"/>', '<mesh filename="a.stl"/>'),
            "link `palm` mesh",
            "no file a.stl",
            "put the mesh",
        ),
        (('<box size="0.09 0.03 0.08"/>', "<cone/>"), "link `palm` <geometry>", "<cone>", "replace it"),
        (("</robot>", "</robot"), "syntax", "unclosed token", "mend"),
        (
            ('<robot name="plain">', '<robot name="plain"><xacro:x xmlns:xacro="x"/>'),
            "elements",
            "macros",
            "xacro FILE",
        ),
        (('type="fixed"', 'type="fixed" broken="1"'), None, None, None),
    ],
)
def test_a_wrong_urdf_is_refused_in_one_line(urdf, replacement, field, found, remedy):
    path = urdf(replacement)
    if field is None:
        read_description(path)
        return
    with pytest.raises(InputError) as error:
        read_description(path)
    message = str(error.value)
    assert message.startswith(str(path)) and "\n" not in message
    assert field in message and found in message and remedy in message


@pytest.mark.parametrize("suffix", ["stl", "obj", "dae", "ply", "glb"])
def test_a_mesh_is_read_from_every_format(urdf, tmp_path, suffix):
    trimesh.creation.box((0.09, 0.03, 0.08)).export(tmp_path / f"a.{suffix}")
    robot = read_description(urdf(('<box size="0.09 0.03 0.08"/>', f'<mesh filename="a.{suffix}"/>')))
    palm = next(link for link in robot.links if link.name == "palm")
    assert np.ptp(palm.shapes[0].primitive.points, axis=0) == pytest.approx([0.09, 0.03, 0.08], abs=1e-6)


def test_collada_in_millimetres_is_read_as_such(urdf, tmp_path):
    trimesh.creation.box((90.0, 30.0, 80.0)).export(tmp_path / "a.dae")
    text = (tmp_path / "a.dae").read_text()
    assert "<up_axis>" in text
    unit = '<unit name="millimeter" meter="0.001"/><up_axis>'
    (tmp_path / "a.dae").write_text(text.replace("<up_axis>", unit))
    robot = read_description(urdf(('<box size="0.09 0.03 0.08"/>', '<mesh filename="a.dae"/>')))
    palm = next(link for link in robot.links if link.name == "palm")
    assert np.ptp(palm.shapes[0].primitive.points, axis=0) == pytest.approx([0.09, 0.03, 0.08], abs=1e-6)


@pytest.mark.parametrize(
    ("mesh", "found"), [(b"solid nothing", "mesh"), (None, "300 m long")], ids=["broken", "in millimetres"]
)
def test_a_mesh_that_cannot_be_a_link_is_refused(urdf, tmp_path, mesh, found):
    if mesh is None:
        trimesh.creation.box((300.0, 20.0, 20.0)).export(tmp_path / "a.stl")
    else:
        (tmp_path / "a.stl").write_bytes(mesh)
    with pytest.raises(InputError, match=r"link `palm` mesh") as error:
        read_description(urdf(('<box size="0.09 0.03 0.08"/>', '<mesh filename="a.stl"/>')))
    assert found in str(error.value)


@pytest.mark.parametrize(
    ("palm", "fixed", "named"),
    [
        ("hand", {}, "link `hand`"),
        ("base", {}, "no moving joint before it"),
        ("palm", dict.fromkeys([f"{f}_{p}_joint" for f in module.FINGERS for p in ("near", "far")], 0.1), "no moving"),
        ("first_near", {}, "neither of the arm nor of the hand"),
        (
            "palm",
            {"second_near_joint": 0.0, "second_far_joint": 0.0, "first_near_joint": 0, "first_far_joint": 0},
            "fingers",
        ),
        ("palm", {"nothing": 0.0}, "joint `nothing`"),
    ],
)
def test_what_is_no_arm_with_a_hand_is_refused(urdf, palm, fixed, named):
    with pytest.raises(InputError, match=named):
        propose(read_description(urdf(), fixed=fixed), palm=palm, name="none")


def test_a_joint_held_still_keeps_its_angle(urdf):
    robot = read_description(urdf(), fixed={"first_near_joint": 0.5})
    joint = next(joint for joint in robot.joints if joint.name == "first_near_joint")
    assert joint.kind == "fixed" and joint.rpy == pytest.approx((0.5, 0.0, 0.0))


@pytest.mark.parametrize(
    ("change", "file", "named"),
    [
        (lambda v: v["fingertips"][0].update(human="toe"), "plain.yaml", r"fingertip `first_far_tip`.*'toe'"),
        (lambda v: v["arm_joint_names"].__setitem__(0, "joint_1"), "plain.yaml", "joint `joint_1`"),
        (lambda v: v.update(base_frame="palm"), "plain.yaml", "base_frame"),
        (lambda v: v["jerk"].__setitem__(0, 0.0), "plain.yaml", r"joint `turn_joint` jerk limit.*found 0"),
        (('effort="100"', 'effort="0"'), "plain.urdf", r"joint `turn_joint` effort limit.*found 0"),
        (('velocity="2"', ""), "plain.urdf", r"joint `turn_joint` velocity limit.*found nothing"),
        (('upper="2.8"', 'upper="-2.8"'), "plain.urdf", r"joint `turn_joint` limit.*lower -2.8, upper -2.8"),
    ],
)
def test_a_wrong_embodiment_is_refused_in_one_line(plain, tmp_path, change, file, named):
    write_files(tmp_path, plain[1].files)
    if isinstance(change, tuple):
        text = (tmp_path / "plain.urdf").read_text()
        assert change[0] in text
        (tmp_path / "plain.urdf").write_text(text.replace(*change, 1))
    else:
        values = yaml.safe_load((tmp_path / "plain.yaml").read_text())
        change(values)
        (tmp_path / "plain.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=named) as error:
        load_embodiment(tmp_path / "plain.yaml")
    assert f"{file}:" in str(error.value) and "; " in str(error.value)


def test_capsules_of_our_urdf_stay_capsules():
    read = read_description(load_embodiment("iiwa14_allegro").urdf)
    assert any(isinstance(shape.primitive, Capsule) for link in read.links for shape in link.shapes)

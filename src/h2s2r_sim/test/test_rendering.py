"""The renderer against geometry, the sensor model against its stated numbers."""

import ctypes.util

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2s2r_perception.artefact import InputError
from h2s2r_perception.geometry import pose
from h2s2r_sim.rendering import Camera, RgbdSensor, SceneRenderer, SensorConfiguration
from h2s2r_sim.rendering.gl_context import choose_backend

BALL = np.array([0.42, -0.13, 0.30])


def off_centre_camera():
    """Principal point far from the middle: a renderer that ignores it misses by tens of pixels."""
    camera = Camera.look_at((0.9, -0.6, 0.7), (0.4, 0.0, 0.2), focal_length_px=300.0, width=320, height=240)
    K = camera.camera_matrix.copy()
    K[:2, 2] = [140.0, 131.5]
    return Camera(K, 320, 240, camera.T_world_camera)


def ball_and_table():
    spec = mujoco.MjSpec()
    spec.worldbody.add_light(pos=[0, 0, 2], dir=[0, 0, -1], type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL)
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=[1, 1, 0.05], pos=[0.5, 0, -0.05], rgba=[0.2, 0.2, 0.9, 1]
    )
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.03, 0, 0], pos=BALL.tolist(), rgba=[1, 0, 0, 1])
    return spec.compile()


@pytest.fixture(scope="module")
def picture():
    model = ball_and_table()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera = off_centre_camera()
    with SceneRenderer(model, camera) as renderer:
        return camera, *renderer.render(data)


def test_a_ball_appears_where_the_camera_projects_it(picture):
    camera, rgb, _ = picture
    red = (rgb[..., 0].astype(int) - rgb[..., 2]) > 20
    seen = np.argwhere(red).mean(axis=0)[::-1]
    expected, _ = camera.project(BALL[None])
    np.testing.assert_allclose(seen, expected[0], atol=0.5)


def test_depth_is_the_planar_distance_to_the_surface(picture):
    camera, _, depth_m = picture
    table = np.array([[0.4, 0.2, 0.0], [0.6, 0.1, 0.0], [0.5, -0.2, 0.0], [0.3, 0.0, 0.0]])
    pixels, z = camera.project(table)
    for (u, v), expected in zip(pixels, z, strict=True):
        # Interpolated between pixel centres: the table is a plane, so 1/z is linear in the image.
        u0, v0 = int(u), int(v)
        patch = 1.0 / depth_m[v0 : v0 + 2, u0 : u0 + 2].astype(float)
        across = patch[0] + (v - v0) * (patch[1] - patch[0])
        assert 1.0 / (across[0] + (u - u0) * (across[1] - across[0])) == pytest.approx(expected, abs=2e-4)


def test_nothing_hit_is_depth_zero():
    model = ball_and_table()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    upwards = Camera.look_at((0.5, 0.0, 1.0), (0.6, 0.0, 3.0), focal_length_px=200.0, width=64, height=48)
    with SceneRenderer(model, upwards) as renderer:
        assert not renderer.render(data)[1].any()


def test_rendering_twice_gives_the_same_picture_and_closing_twice_is_harmless():
    model = ball_and_table()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    renderer = SceneRenderer(model, off_centre_camera())
    first, second = renderer.render(data), renderer.render(data)
    renderer.close()
    renderer.close()
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


coordinate = st.floats(-0.5, 0.5)


@settings(max_examples=50, deadline=None)
@given(st.tuples(coordinate, coordinate, coordinate))
def test_projection_and_back_projection_are_inverse(point):
    camera = Camera.look_at((1.5, -1.0, 1.2), (0.0, 0.0, 0.0), focal_length_px=600.0)
    (pixel,), (z,) = camera.project(np.array([point]))
    ray = np.linalg.inv(camera.camera_matrix) @ [*pixel, 1.0]
    back = camera.T_world_camera @ [*(ray * z), 1.0]
    np.testing.assert_allclose(back[:3], point, atol=1e-9)


def test_a_level_camera_sees_up_as_up():
    camera = Camera.look_at((1.0, -1.0, 1.0), (0.0, 0.0, 0.0), focal_length_px=500.0)
    pixels, _ = camera.project(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.1]]))
    np.testing.assert_allclose(pixels[0], [319.5, 239.5], atol=1e-9)
    assert pixels[1, 0] == pytest.approx(pixels[0, 0])
    assert pixels[1, 1] < pixels[0, 1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"camera_matrix": np.array([[600.0, 0, 900], [0, 600, 240], [0, 0, 1]])}, "another resolution"),
        ({"camera_matrix": np.eye(4)}, "camera_matrix"),
        ({"T_world_camera": pose(2 * np.eye(3), np.zeros(3))}, "T_world_camera"),
    ],
)
def test_impossible_cameras_are_refused(change, field):
    good = {"camera_matrix": np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), "T_world_camera": np.eye(4)}
    with pytest.raises(InputError, match=field):
        Camera(**{**good, **change}, width=640, height=480)


def test_pixels_that_are_not_square_are_refused():
    K = np.array([[600.0, 0, 320], [0, 500, 240], [0, 0, 1]])
    with pytest.raises(InputError, match="square"):
        SceneRenderer(ball_and_table(), Camera(K, 640, 480, np.eye(4)))


def test_a_machine_without_opengl_is_told_which_package_brings_it(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.delenv("PYOPENGL_PLATFORM", raising=False)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    with pytest.raises(InputError, match="apt-get install libosmesa6"):
        choose_backend()


# The sensor model


def flat(range_m, shape=(120, 160)):
    return np.full(shape, range_m, np.float32)


def sensor(*, seed=3, **changes):
    camera = Camera.look_at((0, -1, 0), (0, 0, 0), focal_length_px=600.0, width=160, height=120)
    return RgbdSensor(camera, SensorConfiguration(**changes), seed=seed)


@pytest.mark.parametrize("range_m", [0.5, 1.0, 2.0])
def test_axial_noise_grows_with_the_square_of_the_range(range_m):
    measured = sensor(dropout_probability=0.0).depth(flat(range_m)).astype(float) / 1000.0
    stated = np.hypot(0.0009 + 0.0019 * range_m**2, 0.001 / np.sqrt(12))  # rounding adds a uniform millimetre
    assert measured.std() == pytest.approx(stated, rel=0.03)
    assert measured.mean() == pytest.approx(range_m, abs=2e-4)


def test_holes_are_as_frequent_as_stated():
    assert np.mean(sensor(dropout_probability=0.05).depth(flat(1.0)) == 0) == pytest.approx(0.05, abs=0.01)


def test_edges_mix_and_drop_out_and_surfaces_do_not():
    depth_m = flat(0.8)
    depth_m[:, 80:] = 1.2
    quiet = sensor(axial_noise_m=0.0, axial_noise_per_m=0.0, dropout_probability=0.0)
    measured = np.stack([quiet.depth(depth_m) for _ in range(20)])
    at_edge, elsewhere = measured[:, :, 79:81], np.delete(measured, [79, 80], axis=2)
    assert set(np.unique(elsewhere)) == {800, 1200}
    assert np.mean(at_edge == 0) == pytest.approx(0.25, abs=0.03)
    between = (at_edge > 800) & (at_edge < 1200)
    assert between.sum() / (at_edge > 0).sum() == pytest.approx(0.35, abs=0.03)


def test_a_grazing_surface_has_more_holes_than_a_facing_one():
    # A plane whose depth doubles within the image is seen at a grazing angle.
    row = np.arange(120, dtype=np.float32)[:, None]
    grazing = np.repeat(1.0 / (1.0 - 0.0075 * row), 160, axis=1).astype(np.float32)
    assert np.mean(sensor().depth(grazing)[1:-1] == 0) > 5 * np.mean(sensor().depth(flat(1.0)) == 0)


def test_beyond_its_range_and_where_nothing_is_the_sensor_measures_nothing():
    for range_m in (0.0, 0.1, 6.0):
        assert not sensor().depth(flat(range_m)).any()


def test_equal_seeds_measure_alike_and_colour_noise_is_mild():
    depth_m, grey = flat(1.0), np.full((120, 160, 3), 128, np.uint8)
    np.testing.assert_array_equal(sensor().depth(depth_m), sensor().depth(depth_m))
    assert (sensor().depth(depth_m) != sensor(seed=4).depth(depth_m)).mean() > 0.5
    noisy = sensor().colour(grey)
    np.testing.assert_array_equal(noisy, sensor().colour(grey))
    assert noisy.astype(float).std() == pytest.approx(2.0, rel=0.05)

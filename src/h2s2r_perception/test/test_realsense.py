"""The RealSense code, driven by librealsense's own recorder and playback: no camera is needed, none is faked.

What only a cable can do, being pulled out, is done to a played stream from outside.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

rs = pytest.importorskip("pyrealsense2", reason="needs librealsense: pip install pyrealsense2")

from h2s2r_perception.artefact import InputError  # noqa: E402
from h2s2r_perception.cameras import RealSenseCamera, RealSenseConfiguration, open_camera  # noqa: E402
from h2s2r_perception.cameras.exposure import lock_exposure  # noqa: E402
from h2s2r_perception.cameras.lens import Rectification  # noqa: E402
from h2s2r_perception.cameras.realsense_stream import CameraLostError, RealSenseStream, StreamEndedError  # noqa: E402
from h2s2r_perception.cameras.stamps import HardwareClock  # noqa: E402

PERIOD_MS = 1000.0 / 30.0
START_MS = 1_790_000_000_000.0
QUICK = RealSenseConfiguration(patience_s=0.3, retry_s=0.02)


def images(numbers, camera_shape=(240, 320), start_ms=START_MS):
    for number in numbers:
        rgb = np.full((*camera_shape, 3), number, dtype=np.uint8)
        rgb[20:40, 30:60] = 255, 0, 0
        yield number, start_ms + PERIOD_MS * number, rgb, np.full(camera_shape, 500 + number, dtype=np.uint16)


def played(file, **options):
    with RealSenseCamera(QUICK, file=file, **options) as camera:
        return list(camera.frames()), camera.health


def test_every_pair_comes_once_with_its_own_depth_and_stamp(realsense_file):
    frames, health = played(realsense_file(images(range(1, 21))))
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == list(range(1, 21))
    for number, frame in enumerate(frames, start=1):
        assert np.median(frame.depth_m) == pytest.approx(0.5 + 0.001 * number, abs=1e-6)
        assert frame.stamp_ns == pytest.approx(1e6 * (START_MS + PERIOD_MS * number), abs=1e3)
        assert frame.rgb[30, 45].tolist() == [255, 0, 0]
    assert (health.dropped_frames, health.reconnects, health.connected) == (0, 0, True)


def test_frames_that_the_camera_made_and_nobody_got_are_counted_and_not_made_up(realsense_file):
    numbers = [n for n in range(1, 31) if n not in {10, 11, 12, 20}]
    frames, health = played(realsense_file(images(numbers)))
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == numbers
    assert health.dropped_frames == 4
    assert np.diff([frame.stamp_ns for frame in frames]).max() == pytest.approx(4e6 * PERIOD_MS, abs=1e4)


def test_intrinsics_are_those_of_the_colour_stream(realsense_file, camera_matrix):
    with RealSenseCamera(file=realsense_file(images([1, 2]))) as camera:
        np.testing.assert_allclose(camera.camera_matrix, camera_matrix)
        assert camera.image_size == (320, 240)
        assert camera.name == "Software RealSense"


def test_a_file_can_be_played_at_its_own_pace(realsense_file):
    file = realsense_file(images(range(1, 8)))
    started = time.monotonic()
    frames, _ = played(file, real_time=True)
    assert len(frames) == 7
    assert time.monotonic() - started >= 6 * PERIOD_MS * 1e-3


@pytest.mark.parametrize(
    "filters", [{"spatial_filter": True, "temporal_filter": True}, {"hole_filling": True}], ids=["smoothing", "holes"]
)
def test_filters_act_on_depth_before_it_is_aligned(realsense_file, filters):
    generator = np.random.default_rng(0)
    noisy = [
        (number, stamp, rgb, (800 + generator.normal(0, 8, depth.shape)).astype(np.uint16))
        for number, stamp, rgb, depth in images(range(1, 9))
    ]
    for _, _, _, depth in noisy:
        depth[100:103, 100:103] = 0
    file = realsense_file(noisy)
    with RealSenseCamera(file=file) as camera:
        plain = list(camera.frames())[-1]
    with RealSenseCamera(RealSenseConfiguration(**filters), file=file) as camera:
        filtered = list(camera.frames())[-1]
    assert np.median(filtered.depth_m) == pytest.approx(0.8, abs=0.004)
    if "hole_filling" in filters:
        assert plain.depth_m[101, 101] == 0
        assert filtered.depth_m[101, 101] > 0.7
    else:
        region = np.s_[150:200, 150:250]
        assert np.std(filtered.depth_m[region]) < 0.6 * np.std(plain.depth_m[region])


class Cable:
    """Opens streams of a file, which break off after some pairs, and cannot be opened while it is out."""

    def __init__(self, files, pairs=5, refusals=3):
        self.files, self.pairs, self.refusals, self.asked = list(files), pairs, refusals, 0

    def __call__(self, configuration, file):
        self.asked += 1
        if 1 < self.asked <= 1 + self.refusals:
            raise CameraLostError("found none on USB")
        stream = RealSenseStream(configuration, self.files.pop(0))
        take, left = stream.next, [self.pairs]

        def next_pair(timeout_s):
            if self.files and left[0] == 0:
                raise CameraLostError("Device disconnected")
            try:
                pair = take(timeout_s)
            except StreamEndedError:
                return None  # a camera falls silent; it has no end
            left[0] -= pair is not None
            return pair

        stream.next = next_pair
        return stream


def test_a_camera_pulled_out_for_five_seconds_leaves_a_gap_and_goes_on(realsense_file):
    before = realsense_file(images(range(1, 12)), "before.db3")
    after = realsense_file(images(range(1, 12), start_ms=START_MS + 5000.0 + 5 * PERIOD_MS), "after.db3")
    said, cable = [], Cable([before, after])
    camera = RealSenseCamera(QUICK, tell=said.append, open_stream=cable)
    frames = []
    with camera:
        for frame in camera.frames():
            frames.append(frame)
            if len(frames) == 15:
                break
    stamps = np.array([frame.stamp_ns for frame in frames])
    assert np.all(np.diff(stamps) > 0)
    gaps = np.diff(stamps) > 1e9
    assert gaps.sum() == 1
    assert np.diff(stamps)[gaps][0] == pytest.approx(5e9 + 1e6 * PERIOD_MS, abs=1e6)
    assert [int(frame.rgb[0, 0, 0]) for frame in frames[:5]] == [1, 2, 3, 4, 5]
    assert [int(frame.rgb[0, 0, 0]) for frame in frames[5:]] == list(range(1, 11))
    assert camera.health.reconnects == 1
    assert camera.health.dropped_frames == 0  # a gap is a gap, not dropped frames
    assert "lost" in said[0] and "back" in said[1]
    assert cable.asked == 5  # two streams, three refusals


def test_a_silent_camera_counts_as_lost_and_can_be_closed_meanwhile(realsense_file):
    file = realsense_file(images(range(1, 6)))
    said, got = [], []
    camera = RealSenseCamera(QUICK, tell=said.append, open_stream=Cable([file, file], pairs=100, refusals=10**6))
    with camera:
        thread = threading.Thread(target=lambda: got.extend(camera.frames()))
        thread.start()
        deadline = time.monotonic() + 10
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not camera.health.connected
    thread.join(timeout=5)
    assert not thread.is_alive()
    assert len(got) == 5
    assert "no frame for 0.3 s" in said[0]


def test_without_a_camera_the_error_says_so():
    if len(rs.context().query_devices()):
        pytest.skip("there is a RealSense on this machine")
    with pytest.raises(InputError, match="none on USB"), RealSenseCamera():
        pass
    with pytest.raises(InputError, match="serial number 42"), RealSenseCamera(RealSenseConfiguration(serial="42")):
        pass


@pytest.mark.parametrize(("name", "content"), [("a.db3", b"not a database"), ("a.bag", b""), ("a.mp4", b"x" * 99)])
def test_a_file_that_librealsense_did_not_record_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="recording of librealsense"), RealSenseCamera(file=tmp_path / name):
        pass


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match="No such file"), open_camera(str(tmp_path / "gone.db3")):
        pass


def test_hardware_stamps_follow_this_machines_clock_through_jitter_and_drift():
    generator = np.random.default_rng(3)
    clock, errors = HardwareClock(), []
    for index in range(3000):
        measured_ns = 10**18 + index * 33_333_333
        hardware_ns = 7_000_000_000 + round(index * 33_333_333 * (1 + 30e-6))  # fast by 30 ppm
        delay_ns = 8_000_000 + int(generator.exponential(4e6))
        errors.append(clock.system_ns(hardware_ns, measured_ns + delay_ns) - measured_ns)
    errors_ms = np.array(errors[100:]) * 1e-6
    assert errors_ms.min() >= 7.9
    assert np.median(errors_ms) < 9.0
    assert errors_ms.max() < 12.0


def test_a_distorted_lens_is_made_straight(realsense_file):
    bent = (0.12, -0.08, 0.001, -0.0008, 0.0)
    lens = rs.intrinsics()
    lens.width, lens.height, lens.ppx, lens.ppy, lens.fx, lens.fy = 320, 240, 160.0, 120.0, 300.0, 300.0
    lens.model, lens.coeffs = rs.distortion.brown_conrady, list(bent)
    rectification = Rectification.of_lens(rs, lens)
    assert rectification.largest_px > 2.0
    # A lens paints a dot where its distortion puts it; straightened, it lies where a pinhole would have it.
    for point in ([-0.4, -0.3, 1.0], [0.45, 0.35, 1.0], [0.1, -0.2, 1.0]):
        u, v = rs.rs2_project_point_to_pixel(lens, point)
        row, column = np.mgrid[0:240, 0:320]
        dot = np.exp(-((column - u) ** 2 + (row - v) ** 2) / 8.0) * 255
        straight = rectification.colour(np.repeat(dot[..., None], 3, axis=2).astype(np.uint8))[..., 0].astype(float)
        centre = [np.average(column, weights=straight), np.average(row, weights=straight)]
        np.testing.assert_allclose(centre, [160 + 300 * point[0], 120 + 300 * point[1]], atol=0.3)
    said = []
    with RealSenseCamera(file=realsense_file(images([1, 2, 3]), distortion=bent), tell=said.append) as camera:
        frames = list(camera.frames())
    assert len(frames) == 3
    assert "rectified" in said[0]


class Sensor:
    """A colour sensor's options; automatics off means back to the manual values, as on the D400."""

    def __init__(self):
        self.values = {rs.option.exposure: 166.0, rs.option.gain: 64.0, rs.option.white_balance: 4600.0}
        self.values |= {rs.option.enable_auto_exposure: 1.0, rs.option.enable_auto_white_balance: 1.0}

    def supports(self, option):
        return option in self.values

    def get_option(self, option):
        return self.values[option]

    def set_option(self, option, value):
        self.values[option] = value

    def get_option_range(self, option):
        limits = rs.option_range()
        limits.min, limits.max = 1.0, 10000.0
        return limits


class Stated:
    """A frame's metadata."""

    def __init__(self, values):
        self.values = values

    def supports_frame_metadata(self, key):
        return key in self.values

    def get_frame_metadata(self, key):
        return self.values[key]


def test_exposure_is_held_at_what_the_automatics_found():
    sensor = Sensor()
    found = {rs.frame_metadata_value.actual_exposure: 312, rs.frame_metadata_value.gain_level: 80}
    text = lock_exposure(rs, sensor, Stated(found))
    assert sensor.values[rs.option.enable_auto_exposure] == 0.0
    assert sensor.values[rs.option.enable_auto_white_balance] == 0.0
    assert (sensor.values[rs.option.exposure], sensor.values[rs.option.gain]) == (312.0, 80.0)
    assert sensor.values[rs.option.white_balance] == 4600.0  # no metadata: what the sensor states
    assert "Exposure 312" in text

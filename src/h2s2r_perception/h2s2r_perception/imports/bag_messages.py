"""Messages of a ROS bag as arrays: images raw and compressed, intrinsics, distortion.

The messages are those of `rosbags`, read without ROS; fields as in sensor_msgs. Depth of 16UC1 is in
millimetres, of 32FC1 in metres (REP 118).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from h2s2r_perception.artefact import InputError
from h2s2r_perception.imports.images import millimetres
from h2s2r_perception.recording.calibration import FloatArray, check_camera_matrix

Rectify = Callable[[NDArray[Any], int], NDArray[Any]]
"""Undo the distortion of an image by the OpenCV interpolation given."""
_COLOUR = {"rgb8": None, "bgr8": cv2.COLOR_BGR2RGB, "rgba8": cv2.COLOR_RGBA2RGB, "bgra8": cv2.COLOR_BGRA2RGB}
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
_DEPTH: dict[str, np.dtype[Any]] = {"16UC1": np.dtype("u2"), "mono16": np.dtype("u2"), "32FC1": np.dtype("f4")}
_POLYNOMIAL = ("plumb_bob", "rational_polynomial")
_COMPRESSED_DEPTH_HEADER = struct.Struct("<iff")
"""Format and two quantisation parameters before the PNG (compressed_depth_image_transport, compression_common.h)."""


def colour(message: Any, topic: str) -> NDArray[np.uint8]:
    """`(H, W, 3)`, red first, of an Image or a CompressedImage.

    Raises:
        InputError: Another encoding, or broken data.
    """
    if hasattr(message, "format"):
        image = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            _refuse(topic, "data", f"broken {message.format or 'image'} data", "a JPEG or PNG image")
        return np.ascontiguousarray(image[..., ::-1])
    if message.encoding not in _COLOUR:
        _refuse(topic, "encoding", message.encoding, " or ".join(_COLOUR))
    pixels = _pixels(message, topic, np.dtype("u1"), _CHANNELS[message.encoding])
    code = _COLOUR[message.encoding]
    return pixels if code is None else np.asarray(cv2.cvtColor(pixels, code))


def depth_mm(message: Any, topic: str) -> NDArray[np.uint16]:
    """`(H, W)` [mm], 0 = invalid, of an Image or a compressedDepth image.

    Raises:
        InputError: Another encoding, or broken data.
    """
    if hasattr(message, "format"):
        return _compressed_depth(message, topic)
    if message.encoding not in _DEPTH:
        _refuse(topic, "encoding", message.encoding, "16UC1 (mm) or 32FC1 (m)")
    pixels = _pixels(message, topic, _DEPTH[message.encoding], 1)[..., 0]
    return millimetres(pixels, 1.0 if message.encoding == "32FC1" else 0.001)


def intrinsics(message: Any, topic: str, size: tuple[int, int], rectified: bool) -> FloatArray:
    """`(3, 3)` [px] of a CameraInfo; of a rectified image those of its projection matrix.

    Raises:
        InputError: The camera is uncalibrated, or this is another image's.
    """
    K = np.asarray(message.k if hasattr(message, "k") else message.K, dtype=np.float64).reshape(3, 3)
    P = np.asarray(message.p if hasattr(message, "p") else message.P, dtype=np.float64).reshape(3, 4)
    if rectified and P[0, 0] > 0.0:
        K = P[:, :3]
    if K[0, 0] == 0.0:
        _refuse(topic, "k", "zeros, an uncalibrated camera", "intrinsics", "calibrate the camera first")
    if (message.width, message.height) not in (size, (0, 0)):
        _refuse(topic, "size", f"{message.width}x{message.height}", f"{size[0]}x{size[1]} like the image")
    if max(message.binning_x, message.binning_y) > 1 or message.roi.x_offset or message.roi.y_offset:
        _refuse(topic, "binning, roi", "a part of the image", "the whole image", "record it unbinned and uncropped")
    return check_camera_matrix(K, size, topic)


def rectifier(message: Any, topic: str, camera_matrix: FloatArray, size: tuple[int, int]) -> Rectify | None:
    """What undoes the lens distortion that a CameraInfo states; None where there is none.

    Raises:
        InputError: The model is none that we know.
    """
    d = np.asarray(message.d if hasattr(message, "d") else message.D, dtype=np.float64)
    if not np.any(np.abs(d) > 1e-12):
        return None
    if message.distortion_model in _POLYNOMIAL and d.size in (4, 5, 8):
        maps = cv2.initUndistortRectifyMap(camera_matrix, d, None, camera_matrix, size, cv2.CV_32FC1)
    elif message.distortion_model == "equidistant" and d.size == 4:
        maps = cv2.fisheye.initUndistortRectifyMap(camera_matrix, d, np.eye(3), camera_matrix, size, cv2.CV_32FC1)
    else:
        _refuse(
            topic,
            "distortion",
            f"{message.distortion_model!r} with {d.size} coefficients",
            "plumb_bob, rational_polynomial or equidistant",
            "record rectified images",
        )
    return lambda image, interpolation: np.asarray(cv2.remap(image, maps[0], maps[1], interpolation))


def _compressed_depth(message: Any, topic: str) -> NDArray[np.uint16]:
    """The PNG holds millimetres, or for 32FC1 inverse depth: depth = a / (value - b)."""
    data = bytes(message.data)
    encoding = message.format.split(";")[0].strip()
    image = None
    if "rvl" not in message.format and len(data) > _COMPRESSED_DEPTH_HEADER.size:
        png = np.frombuffer(data, np.uint8, offset=_COMPRESSED_DEPTH_HEADER.size)
        image = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16 or encoding not in ("16UC1", "32FC1"):
        _refuse(topic, "data", f"format {message.format!r}", "compressedDepth PNG of 16UC1 or 32FC1")
    if encoding == "16UC1":
        return np.asarray(image)
    _, a, b = _COMPRESSED_DEPTH_HEADER.unpack_from(data)
    with np.errstate(divide="ignore"):
        depth_m = np.where(image > 0, a / (image.astype(np.float64) - b), 0.0)
    return millimetres(depth_m, 1.0)


def _pixels(message: Any, topic: str, dtype: np.dtype[Any], channels: int) -> NDArray[Any]:
    """`(H, W, C)` of an Image, whose rows may be padded (`step`)."""
    dtype = dtype.newbyteorder(">" if message.is_bigendian else "<")
    row = message.width * channels * dtype.itemsize
    data = np.frombuffer(message.data, dtype=np.uint8)
    if message.step < row or data.size < message.height * message.step:
        _refuse(
            topic,
            "data",
            f"{data.size} bytes in steps of {message.step}",
            f"{message.height} rows of at least {row} bytes",
        )
    rows = data[: message.height * message.step].reshape(message.height, message.step)[:, :row]
    pixels = np.ascontiguousarray(rows).view(dtype).reshape(message.height, message.width, channels)
    return pixels.astype(dtype.newbyteorder("="), copy=False)


def _refuse(topic: str, field: str, found: str, expected: str, remedy: str = "check the topics of the bag") -> NoReturn:
    raise InputError(topic, field, found=found, expected=expected, remedy=remedy)

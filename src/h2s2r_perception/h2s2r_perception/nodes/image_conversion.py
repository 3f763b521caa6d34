"""Between `sensor_msgs/Image` and arrays, at the edge of every node that sees or makes images."""

from __future__ import annotations

import array

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from h2s2r_perception.artefact import InputError

_FORMATS = {
    "rgb8": (np.dtype(np.uint8), 3),
    "bgr8": (np.dtype(np.uint8), 3),
    "16UC1": (np.dtype(np.uint16), 1),
    "32FC1": (np.dtype(np.float32), 1),
}
_MILLIMETRE = np.float32(0.001)


def rgb(message: Image) -> NDArray[np.uint8]:
    """Colour `(H, W, 3)`, red first, of an `rgb8` or `bgr8` message.

    Raises:
        InputError: Another encoding, or fewer bytes than the header says.
    """
    pixels = _pixels(message, ("rgb8", "bgr8"))
    return np.ascontiguousarray(pixels[..., ::-1]) if message.encoding == "bgr8" else pixels


def depth_m(message: Image) -> NDArray[np.float32]:
    """Depth `(H, W)` [m], 0 = invalid, of a `16UC1` (mm) or `32FC1` (m, NaN = invalid) message.

    Raises:
        InputError: Another encoding, or fewer bytes than the header says.
    """
    pixels = _pixels(message, ("16UC1", "32FC1"))[..., 0]
    if message.encoding == "16UC1":
        return pixels.astype(np.float32) * _MILLIMETRE
    return np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def image(pixels: NDArray, header: Header) -> Image:
    """A message of pixels: `(H, W, 3)` uint8 as `rgb8`, `(H, W)` uint16 [mm] as `16UC1`.

    `(H, W)` float32 [m] becomes `32FC1`, `(H, W)` uint8 becomes `mono8`.

    Raises:
        ValueError: Another type or shape.
    """
    encodings = {
        (np.dtype(np.uint8), 3): "rgb8",
        (np.dtype(np.uint8), 2): "mono8",
        (np.dtype(np.uint16), 2): "16UC1",
        (np.dtype(np.float32), 2): "32FC1",
    }
    encoding = encodings.get((pixels.dtype, pixels.ndim))
    if encoding is None:
        raise ValueError(f"no encoding for {pixels.dtype} of shape {pixels.shape}")
    message = Image(header=header, height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
    message.step = pixels.shape[1] * pixels.itemsize * (3 if pixels.ndim == 3 else 1)
    # rclpy copies an `array.array` at once, but walks over the elements of an ndarray.
    message.data = array.array("B", pixels.tobytes())
    return message


def stamp_ns(header: Header) -> int:
    """A message's stamp [ns]."""
    return header.stamp.sec * 1_000_000_000 + header.stamp.nanosec


def camera_matrix(message: CameraInfo) -> NDArray[np.float64]:
    """Intrinsics `(3, 3)` [px]."""
    return np.asarray(message.k, dtype=np.float64).reshape(3, 3)


def camera_info(camera_matrix: NDArray[np.float64], width: int, height: int, header: Header) -> CameraInfo:
    """A `CameraInfo` without distortion of intrinsics `(3, 3)` [px]."""
    K = np.asarray(camera_matrix, dtype=np.float64)
    P = np.hstack([K, np.zeros((3, 1))])
    return CameraInfo(
        header=header,
        width=width,
        height=height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=K.reshape(-1).tolist(),
        r=np.eye(3).reshape(-1).tolist(),
        p=P.reshape(-1).tolist(),
    )


def _pixels(message: Image, encodings: tuple[str, ...]) -> NDArray:
    """`(H, W, C)` view of the message's bytes; rows may be padded (`step`)."""
    if message.encoding not in encodings:
        raise InputError(
            "image",
            "encoding",
            found=repr(message.encoding),
            expected=" or ".join(encodings),
            remedy="check the camera's topics and remappings",
        )
    dtype, channels = _FORMATS[message.encoding]
    dtype = dtype.newbyteorder(">" if message.is_bigendian else "<")
    row = message.width * channels * dtype.itemsize
    data = np.frombuffer(message.data, dtype=np.uint8)
    if message.step < row or data.size < message.height * message.step:
        raise InputError(
            "image",
            "data",
            found=f"{data.size} bytes in steps of {message.step}",
            expected=f"{message.height} rows of at least {row} bytes",
            remedy="check the camera driver",
        )
    rows = data[: message.height * message.step].reshape(message.height, message.step)[:, :row]
    return np.ascontiguousarray(rows).view(dtype).reshape(message.height, message.width, channels)

"""Mild effects of a camera on an image: exposure, white balance, vignetting, blur and noise."""

from __future__ import annotations

import cv2
import numpy as np

# Spread of the exposure and of each colour's gain, as shares.
_EXPOSURE, _BALANCE = 0.06, 0.02
# Largest loss of light in the corners.
_VIGNETTING = 0.15
_BLUR_PX = (0.3, 0.8)
# Ranges of the standard deviation in the dark, in grey levels, and of the variance per grey level of light.
_READ, _SHOT = (0.5, 2.5), (0.0, 0.06)


def sensor_noise(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The image with the effects of a camera.

    First exposure, white balance, and vignetting that grows with the squared distance from the centre; then a Gaussian
    blur; then read noise and shot noise, whose variance is proportional to the light.

    Args:
        rgb: uint8 (H, W, 3).
        rng: Random generator.

    Returns:
        uint8 (H, W, 3).
    """
    height, width = rgb.shape[:2]
    gains = rng.normal(1, _EXPOSURE) * rng.normal(1, _BALANCE, 3)
    loss = rng.uniform(0, _VIGNETTING)
    rows, columns = np.linspace(-1, 1, height)[:, None] ** 2, np.linspace(-1, 1, width) ** 2
    falloff = (1 - loss / 2 * (rows + columns)).astype(np.float32)
    bright = rgb * falloff[..., None] * gains.astype(np.float32)
    light = cv2.GaussianBlur(bright, (0, 0), rng.uniform(*_BLUR_PX), borderType=cv2.BORDER_REPLICATE)
    read, shot = rng.uniform(*_READ), rng.uniform(*_SHOT)
    spread = np.sqrt(np.float32(read**2) + np.float32(shot) * np.maximum(light, 0))
    light += spread * rng.standard_normal(light.shape, dtype=np.float32)
    return (light + 0.5).clip(0, 255).astype(np.uint8)

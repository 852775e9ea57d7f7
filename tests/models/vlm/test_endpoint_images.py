from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from models.vlm.asking import noise, pixels

from pipeline.models.torchvision_fix import ensure_torchvision
from pipeline.models.vlm import endpoint_images
from pipeline.models.vlm.base import ImagePart
from pipeline.models.vlm.endpoint_images import ImageEncoder, sent_size_px


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The size of each image that is really encoded, in order."""
    sizes: list[tuple[int, int]] = []
    encode = endpoint_images.encode

    def count(rgb: np.ndarray, size_px: tuple[int, int], image_format: endpoint_images.ImageFormat) -> str:
        sizes.append(size_px)
        return encode(rgb, size_px, image_format)

    monkeypatch.setattr(endpoint_images, "encode", count)
    return sizes


@pytest.mark.parametrize(
    ("size_px", "max_side_px", "max_pixels", "sent_px"),
    [
        ((640, 480), None, None, (640, 480)),
        ((640, 480), 640, 640 * 480, (640, 480)),
        ((641, 479), None, 640 * 480, (641, 479)),  # 20 x 15 tokens all the same.
        ((300, 150), 100, None, (100, 50)),
        ((150, 301), 100, None, (50, 100)),
        ((5000, 1), 100, None, (100, 1)),
        ((1280, 960), None, 320 * 240, (320, 224)),
        ((1280, 960), 100, 320 * 240, (100, 75)),
        ((4000, 3000), 2000, 320 * 240, (320, 224)),
        ((369, 277), None, 100 * 1024, (352, 256)),  # 102213 px, but a server would make 12 x 9 tokens of them.
        ((319, 400), None, 120 * 1024, (288, 384)),
        ((20, 3000), None, 10 * 1024, (20, 1216)),
        ((4000, 10), None, 1024, (640, 10)),
        ((96, 64), None, 1, (32, 32)),
    ],
)
def test_an_image_is_sent_as_large_as_it_may_be(
    size_px: tuple[int, int], max_side_px: int | None, max_pixels: int | None, sent_px: tuple[int, int]
) -> None:
    assert sent_size_px(size_px, max_side_px, max_pixels) == sent_px


def test_a_server_of_qwen_sees_no_more_of_an_image_than_it_may() -> None:
    ensure_torchvision()
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    random = np.random.default_rng(0)
    for width, height, tokens in random.integers(64, (2000, 2000, 4096), (500, 3)).tolist():
        sent_px = sent_size_px((width, height), None, tokens * 1024)
        seen_height, seen_width = smart_resize(*sent_px[::-1], factor=32, min_pixels=1, max_pixels=2**40)
        assert seen_width * seen_height <= tokens * 1024
        assert sent_px[0] <= width
        assert sent_px[1] <= height
        here_height, here_width = smart_resize(height, width, factor=32, min_pixels=1, max_pixels=tokens * 1024)
        if here_width <= width and here_height <= height:
            assert (seen_width, seen_height) == (here_width, here_height), "as it is seen in this process"


def test_a_reduced_image_is_the_mean_of_what_it_shows() -> None:
    blocks = np.arange(64, dtype=np.uint8).reshape(8, 8).repeat(8, 0).repeat(8, 1)[..., None].repeat(3, 2)
    stripes = blocks.copy()
    stripes[:, ::2] += 10
    stripes[:, 1::2] += 20
    (url,) = {ImageEncoder("png", 32).data_url(ImagePart(stripes)) for _ in range(2)}
    assert pixels(url).shape == (32, 32, 3)
    np.testing.assert_array_equal(pixels(url)[::4, ::4], stripes[::8, ::8] + 5)


@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_equal_images_give_equal_bytes_and_are_encoded_once(
    image_format: endpoint_images.ImageFormat, encoded: list[tuple[int, int]]
) -> None:
    encoder = ImageEncoder(image_format, None)
    urls = {encoder.data_url(ImagePart(noise(seed=1))) for _ in range(3)}
    assert len(urls) == len(encoded) == 1
    assert urls == {ImageEncoder(image_format, None).data_url(ImagePart(noise(seed=1)))}
    assert next(iter(urls)).startswith(f"data:image/{image_format};base64,")


def test_other_images_and_other_sizes_are_kept_apart(encoded: list[tuple[int, int]]) -> None:
    encoder = ImageEncoder("png", None)
    images = [ImagePart(noise(seed=1)), ImagePart(noise(seed=2)), ImagePart(noise(seed=1), max_pixels=2048)]
    urls = [encoder.data_url(image) for image in images * 2]
    assert len(set(urls)) == len(encoded) == 3
    for image, url in zip(images[:2], urls, strict=False):
        np.testing.assert_array_equal(pixels(url), image.rgb)
    assert pixels(urls[2]).shape == (32, 32, 3)


def test_images_that_were_not_used_for_long_are_dropped_first(encoded: list[tuple[int, int]]) -> None:
    images = [ImagePart(noise(seed)) for seed in range(3)]
    one = len(ImageEncoder("png", None).data_url(images[0]))
    encoder = ImageEncoder("png", None, max_kept_bytes=int(2.5 * one))
    encoded.clear()
    for number, encodings in ((0, 1), (1, 2), (0, 2), (2, 3), (0, 3), (1, 4)):
        encoder.data_url(images[number])
        assert len(encoded) == encodings
    small = ImageEncoder("png", None, max_kept_bytes=0)
    assert small.data_url(images[0]) == small.data_url(images[0]) == encoder.data_url(images[0])


def test_threads_encode_an_image_once(encoded: list[tuple[int, int]]) -> None:
    encoder = ImageEncoder("png", None)
    images = [ImagePart(noise(seed, 640, 480)) for seed in (1, 2)] * 8
    with ThreadPoolExecutor(8) as threads:
        urls = list(threads.map(encoder.data_url, images))
    assert len(encoded) == len(set(urls)) == 2
    assert urls == urls[:2] * 8

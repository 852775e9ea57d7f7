from __future__ import annotations

import json
import zlib
from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pipeline.records import DepthMap, Sampling
from pipeline.stages.store.depth_bytes import decode_depth, encode_depth

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def encoded(depth: DepthMap) -> memoryview:
    return memoryview(b"".join(encode_depth(depth)))


def assert_equal(found: DepthMap, made: DepthMap) -> None:
    for field in fields(DepthMap):
        one, other = getattr(found, field.name), getattr(made, field.name)
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype and one.shape == other.shape
            assert one.tobytes() == other.tobytes(), field.name
            assert one.flags.writeable and one.flags.c_contiguous
        else:
            assert one == other and type(one) is type(other), field.name
    assert found.digest == made.digest


@st.composite
def depth_maps(draw: st.DrawFn) -> DepthMap:
    shape = draw(SHAPES)
    floats = arrays.arrays(np.float32, shape, elements=st.floats(width=32))
    kind = draw(st.sampled_from(["metric", "scale_invariant", "depth_affine", "disparity_affine"]))
    number = st.none() | st.floats(0, 1e6)
    return DepthMap(
        draw(floats),
        draw(arrays.arrays(bool, shape)),
        kind,  # type: ignore[arg-type]
        draw(st.sampled_from(["sensor", "model", "anchor"])) if kind == "metric" else "none",  # type: ignore[arg-type]
        draw(st.text(max_size=5)),
        draw(st.none() | floats),
        draw(number),
        draw(number) if kind == "metric" else None,
        Sampling(draw(st.floats(1, 99)), draw(st.floats(1, 99)), draw(st.booleans())),
        draw(number),
        draw(st.floats(1, 99)),
    )


@given(depth_maps())
@settings(max_examples=300)
def test_every_depth_map_comes_back_to_the_last_bit(depth: DepthMap) -> None:
    assert_equal(decode_depth(encoded(depth)), depth)


def smooth(height: int = 120, width: int = 160) -> np.ndarray:
    small = np.random.default_rng(0).uniform(1, 5, (height // 4, width // 4)).astype(np.float32)
    small = cv2.GaussianBlur(small, (0, 0), 4)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def metric(values: np.ndarray) -> DepthMap:
    return DepthMap(values, values > 2, "metric", "sensor", "network", confidence=values / 9)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "values, most_share",
    [
        (smooth(), 0.55),
        (np.round(smooth() * 1000), 0.3),
        (np.full((120, 160), 3.7, np.float32), 0.02),
        (np.random.default_rng(0).uniform(1, 5, (120, 160)).astype(np.float32), 1.04),
        (np.arange(120 * 160, dtype=np.float32).reshape(120, 160)[:, ::-1], 0.02),
        (smooth()[::2, ::-2], 0.6),
    ],
    ids=["of a network", "of a sensor", "flat", "noise", "ramp", "not contiguous"],
)
def test_maps_shrink_as_far_as_they_repeat(values: np.ndarray, most_share: float) -> None:
    depth = metric(values)
    assert_equal(decode_depth(encoded(depth)), depth)
    depth = replace(depth, confidence=None)
    assert len(encoded(depth)) <= most_share * values.size * 4


def header_of(content: memoryview) -> tuple[dict[str, object], bytes]:
    length = int.from_bytes(content[:4], "little")
    return json.loads(bytes(content[4 : 4 + length])), bytes(content[4 + length :])


def with_header(content: memoryview, **changes: object) -> memoryview:
    header, rest = header_of(content)
    text = json.dumps(header | changes).encode()
    return memoryview(len(text).to_bytes(4, "little") + text + rest)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": [160, 120, 1]},
        {"shape": [0, 0]},
        {"shape": [-120, -160]},
        {"shape": [120, 161]},
        {"shape": [10**6, 10**6]},
        {"lengths": [1, 1, 1, 1, 1]},
        {"lengths": [-5, 10, 1, 1, 1]},
        {"lengths": [10**12, 0, 0, 0, 0]},
        {"confidence": True},
        {"kind": "guess"},
        {"scale_source": "none"},
        {"sampling": [0.5, 1]},
        {"misfit": 0},
        {"misfit": None},
    ],
)
def test_a_header_that_does_not_fit_is_refused(changes: dict[str, object]) -> None:
    content = encoded(replace(metric(smooth()), confidence=None))
    decode_depth(with_header(content))
    with pytest.raises(Exception):  # noqa: B017
        decode_depth(with_header(content, **changes))


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff\xff\xff\xff", b"\x02\0\0\0{}", b'{"text": "a record"}'])
def test_other_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(Exception):  # noqa: B017
        decode_depth(memoryview(content))


def test_a_few_bytes_do_not_become_many() -> None:
    content = encoded(replace(metric(np.full((120, 160), 3.7, np.float32)), confidence=None))
    header, rest = header_of(content)
    bomb = zlib.compress(bytes(10**8), 9)
    lengths = header["lengths"]
    assert isinstance(lengths, list)
    changed = with_header(memoryview(content[: len(content) - len(rest)]), lengths=[len(bomb), *lengths[1:]])
    with pytest.raises(ValueError, match="another length"):
        decode_depth(memoryview(bytes(changed) + bomb + rest[lengths[0] :]))

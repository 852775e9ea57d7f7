"""Rendered views that several rules look at."""

from __future__ import annotations

import pytest
from verify.rules.frames import HIDING, SIZED, STACK, half_hidden_pole, seen

from pipeline.synthetic.view import RenderedView


@pytest.fixture(scope="session")
def hiding() -> RenderedView:
    """The red box before the blue one, the green cone far to the right."""
    return seen(*HIDING, height_m=0.8)


@pytest.fixture(scope="session")
def stack() -> RenderedView:
    """The blue box on the red one."""
    return seen(*STACK, height_m=1.1)


@pytest.fixture(scope="session")
def sized() -> RenderedView:
    """Objects of known sizes side by side."""
    return seen(*SIZED)


@pytest.fixture(scope="session")
def pole() -> RenderedView:
    """A board before the lower part of a pole."""
    return half_hidden_pole()

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipeline.models.vlm.listening import Feed, quiet, shared


class Follows:
    """Keeps the texts that it is told."""

    def __init__(self, is_stopped: bool = False) -> None:
        self.texts: list[str] = []
        self.is_stopped = is_stopped

    def on_text(self, text: str) -> None:
        self.texts.append(text)


def spelled(tokens: Sequence[int]) -> str:
    return bytes(tokens).decode(errors="replace")


def test_a_feed_passes_text_on_a_few_times_a_second() -> None:
    listener, now_s = Follows(), [0.0]
    feed = Feed(listener, spelled, "<think>", lambda: now_s[0])
    word = b"mug left"
    for count in range(1, len(word) + 1):
        assert feed.goes_on(word[:count])
        now_s[0] += 0.02
    assert listener.texts == ["<think>m", "<think>mug ", "<think>mug lef"], "every 50 ms"


def test_a_feed_waits_for_whole_characters() -> None:
    listener = Follows()
    feed = Feed(listener, spelled, now_s=iter(range(9)).__next__)
    for count in range(1, 4):
        feed.goes_on("杯".encode()[:count])
    assert listener.texts == ["", "", "杯"]


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_feed_ends_where_its_listener_stops(is_stopped: bool) -> None:
    assert Feed(Follows(is_stopped), spelled).goes_on(b"a") is not is_stopped


def test_a_quiet_listener_stops_with_the_other_and_hears_nothing() -> None:
    listener = Follows()
    silent = quiet(listener)
    assert silent is not None
    silent.on_text("The mug")
    assert (listener.texts, silent.is_stopped) == ([], False)
    listener.is_stopped = True
    assert silent.is_stopped
    assert quiet(None) is None


def test_listeners_of_one_answer_all_hear_it() -> None:
    listeners = [Follows(), Follows(True)]
    both = shared(listeners)
    assert both is not None
    both.on_text("The mug")
    assert [one.texts for one in listeners] == [["The mug"], ["The mug"]]
    assert not both.is_stopped
    assert shared(listeners[:1]) is listeners[0]

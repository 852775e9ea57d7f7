"""What one client may take of the store."""

from __future__ import annotations

from pathlib import Path

import pytest
from serve.kept import PNG, kept, opened

from pipeline.serve.problems import BusyError, GoneError, TooLargeError
from pipeline.serve.settings import GB
from pipeline.serve.store.shares import Shares
from pipeline.serve.store.store import Store

# Each upload of this size takes 7 blocks, and its row in the index less than another.
DATA = PNG + bytes(6 * 4096)
SIZE_GB = 40 * 4096 * 4 / GB


def sent(store: Store, client: str, data: bytes = DATA) -> str:
    with store.new_upload(client=client) as incoming:
        incoming.write(data)
        return incoming.finish("a.png").id


def there(store: Store, ids: list[str]) -> list[bool]:
    found = []
    for each in ids:
        try:
            found.append(store.upload(each).path.is_file())
        except GoneError:
            found.append(False)
    return found


def test_beyond_its_share_a_client_loses_its_own_oldest_uploads(tmp_path: Path) -> None:
    with opened(tmp_path, size_gb=SIZE_GB, client_share=0.25) as store:
        result, other = kept(store), sent(store, "other")
        ids = [sent(store, "one") for _ in range(30)]
        assert there(store, ids) == [False] * 25 + [True] * 5
        assert store._index.total_of("one") <= 40 * 4096
        store.result(result)
        store.stored_scene(result)
        assert there(store, [other]) == [True] and store.upload(other).owner == "other"
    with opened(tmp_path, size_gb=SIZE_GB, client_share=0.25) as store:
        last = sent(store, "one")
        assert there(store, [*ids, last]) == [False] * 26 + [True] * 5


def test_a_file_larger_than_the_share_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path, size_gb=SIZE_GB, client_share=0.25) as store:
        first = sent(store, "one")
        with pytest.raises(TooLargeError, match=r"0\.16384 MB"):
            sent(store, "one", bytes(40 * 4096 + 1))
        assert there(store, [first]) == [True]
        assert len(list((tmp_path / "uploads").iterdir())) == 1
        assert sent(store, "one", PNG + bytes(30 * 4096))
        sent(store, "", bytes(60 * 4096))


def test_files_that_come_in_count_until_they_are_finished_or_given_up(tmp_path: Path) -> None:
    with opened(tmp_path, size_gb=SIZE_GB, client_share=0.25) as store:
        first = sent(store, "one")
        with store.new_upload(client="one") as coming:
            coming.write(bytes(30 * 4096))
            with pytest.raises(BusyError), store.new_upload(client="one") as more:
                more.write(bytes(11 * 4096))
            with store.new_upload(client="other") as more:
                more.write(bytes(11 * 4096))
            assert there(store, [first]) == [True]
            second = sent(store, "one")
            assert there(store, [first, second]) == [False, True]
        third = sent(store, "one")
        assert there(store, [second, third]) == [True, True]


def test_large_files_make_room_while_they_come_in() -> None:
    rooms: list[tuple[str, float]] = []
    shares = Shares(100e6, lambda owner, most: rooms.append((owner, most)))
    for size in range(0, 20_000_000, 4_000_000):
        shares.take("one", 4_000_000, size)
    assert rooms == [("one", 92e6), ("one", 84e6)]
    shares.give_back("one", 20_000_000)
    shares.settle("one")
    shares.settle("")
    assert rooms[2:] == [("one", 100e6)]


def test_a_discarded_upload_is_gone(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        upload = sent(store, "one")
        store.discard_upload(upload)
        assert there(store, [upload]) == [False] and store._index.total_of("one") == 0
        assert list((tmp_path / "uploads").iterdir()) == []

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from model.batcher import Batcher, Overloaded
from model.reading import Reading


class FakeClassifier:
    """Reads "bad" with an error; holds every batch until `go` is set."""

    def __init__(self, version: str = "v1") -> None:
        self.version = version
        self.batches: list[list[str]] = []
        self.busy = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.threads: set[int] = set()
        self._one_at_a_time = threading.Lock()

    def read(self, texts: Sequence[str]) -> list[Reading]:
        with self._alone(texts):
            return self._read(texts)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        with self._alone(texts):
            return np.array([[len(text)] for text in texts], dtype=np.float32)

    @contextmanager
    def _alone(self, texts: Sequence[str]) -> Iterator[None]:
        """The session underneath is used by one thread at a time, and always by the same."""
        assert self._one_at_a_time.acquire(blocking=False), "two threads in the classifier"
        self.threads.add(threading.get_ident())
        self.batches.append(list(texts))
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _read(self, texts: Sequence[str]) -> list[Reading]:
        self.busy.set()
        assert self.go.wait(10)
        if "bad" in texts:
            raise ValueError("bad batch")
        return [Reading(self.version, None, None, None, reason=text) for text in texts]


def batcher_of(classifier: FakeClassifier, **limits: Any) -> Batcher:
    return Batcher(classifier, **limits)


async def hold(batcher: Batcher, classifier: FakeClassifier) -> asyncio.Task[Reading]:
    """A first message whose batch keeps the classifier busy."""
    classifier.go.clear()
    first = asyncio.create_task(batcher.read("first"))
    await asyncio.to_thread(classifier.busy.wait, 10)
    return first


async def test_a_batch_fills_while_the_classifier_is_busy() -> None:
    classifier = FakeClassifier()
    batcher = batcher_of(classifier, max_batch=4)
    await batcher.start()
    first = await hold(batcher, classifier)
    others = [asyncio.create_task(batcher.read(str(n))) for n in range(6)]
    await asyncio.sleep(0)
    classifier.go.set()
    readings = await asyncio.gather(first, *others)
    assert [reading.reason for reading in readings] == ["first", "0", "1", "2", "3", "4", "5"]
    assert classifier.batches == [["first"], ["0", "1", "2", "3"], ["4", "5"]]
    await batcher.close()


async def test_a_failed_batch_answers_every_caller_and_the_worker_lives_on() -> None:
    classifier = FakeClassifier()
    batcher = batcher_of(classifier)
    await batcher.start()
    first = await hold(batcher, classifier)
    failing = [asyncio.create_task(batcher.read(text)) for text in ("good", "bad")]
    await asyncio.sleep(0)
    classifier.go.set()
    await first
    outcomes = await asyncio.gather(*failing, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["bad batch", "bad batch"]
    assert (await batcher.read("later")).reason == "later"
    await batcher.close()


async def test_overload_is_refused_at_once() -> None:
    classifier = FakeClassifier()
    batcher = batcher_of(classifier, max_waiting=1)
    await batcher.start()
    first = await hold(batcher, classifier)
    waiting = asyncio.create_task(batcher.read("waiting"))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await batcher.read("one too many")
    classifier.go.set()
    assert [(await task).reason for task in (first, waiting)] == ["first", "waiting"]
    await batcher.close()


async def test_swap_waits_for_the_batch_and_drops_nothing() -> None:
    old, new = FakeClassifier("old"), FakeClassifier("new")
    batcher = batcher_of(old, max_batch=1)
    await batcher.start()
    first = await hold(batcher, old)
    waiting = [asyncio.create_task(batcher.read(str(n))) for n in range(3)]
    swap = asyncio.create_task(batcher.swap(new))
    await asyncio.sleep(0)
    assert not swap.done()
    old.go.set()
    assert await swap is old
    assert batcher.classifier is new
    assert (await first).version == "old"
    readings = await asyncio.gather(*waiting)
    assert [(reading.reason, reading.version) for reading in readings] == [(str(n), "new") for n in range(3)]
    await batcher.close()


async def test_a_caller_who_gave_up_is_skipped() -> None:
    classifier = FakeClassifier()
    batcher = batcher_of(classifier, max_batch=1)
    await batcher.start()
    first = await hold(batcher, classifier)
    gone, stays = (asyncio.create_task(batcher.read(text)) for text in ("gone", "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    first.cancel()
    await asyncio.sleep(0)
    classifier.go.set()
    assert (await stays).reason == "stays"
    assert classifier.batches == [["first"], ["stays"]]
    await batcher.close()


async def test_embedding_and_reading_take_turns() -> None:
    classifier = FakeClassifier()
    batcher = batcher_of(classifier, max_batch=2)
    await batcher.start()
    first = await hold(batcher, classifier)
    embedding = asyncio.create_task(batcher.embed(["a", "bb", "ccc"]))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(batcher.read(str(n))) for n in range(3)]
    await asyncio.sleep(0.05)
    assert classifier.batches == [["first"]]
    classifier.go.set()
    assert (await embedding).tolist() == [[1.0], [2.0], [3.0]]
    assert [(await task).reason for task in (first, *waiting)] == ["first", "0", "1", "2"]
    # Messages do not wait for all of them: a batch of each in turn.
    assert classifier.batches == [["first"], ["a", "bb"], ["0", "1"], ["ccc"], ["2"]]
    assert len(classifier.threads) == 1
    await batcher.close()


async def test_texts_are_embedded_by_the_version_that_served_when_it_began() -> None:
    old, new = FakeClassifier("old"), FakeClassifier("new")
    batcher = batcher_of(old, max_batch=1)
    await batcher.start()
    first = await hold(batcher, old)
    embedding = asyncio.create_task(batcher.embed(["a", "bb"]))
    await asyncio.sleep(0)
    swap = asyncio.create_task(batcher.swap(new))
    await asyncio.sleep(0)
    old.go.set()
    assert (await embedding).tolist() == [[1.0], [2.0]]
    await asyncio.gather(swap, first)
    assert (old.batches, new.batches) == ([["first"], ["a"], ["bb"]], [])
    await batcher.close()
    with pytest.raises(RuntimeError, match="closed"):
        await batcher.embed(["late"])


async def test_closing_answers_what_waits_and_refuses_the_rest() -> None:
    classifier = FakeClassifier()
    batcher = batcher_of(classifier)
    await batcher.start()
    first = await hold(batcher, classifier)
    waiting = asyncio.create_task(batcher.read("waiting"))
    await asyncio.sleep(0)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="closed"):
        await batcher.read("late")
    classifier.go.set()
    await closing
    assert [(await task).reason for task in (first, waiting)] == ["first", "waiting"]


async def test_closing_before_the_start_lets_callers_go() -> None:
    batcher = batcher_of(FakeClassifier())
    waiting = asyncio.create_task(batcher.read("waiting"))
    await asyncio.sleep(0)
    await batcher.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting

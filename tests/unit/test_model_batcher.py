import asyncio
import threading
from collections.abc import Sequence
from typing import Any

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

    def read(self, texts: Sequence[str]) -> list[Reading]:
        self.batches.append(list(texts))
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

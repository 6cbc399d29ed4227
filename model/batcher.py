"""Micro-batching for asyncio: while one batch runs, the next one fills. No timer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from model.classifier import Classifier, Floats
from model.reading import Reading

MAX_BATCH = 32
"""The maximum number of messages in a batch."""


class Overloaded(Exception):
    """The queue is full and this message was refused; try again later."""


class Batcher:
    """Hands single messages to a classifier in batches, on one thread of its own.

    Built, started and used on one event loop.
    """

    def __init__(
        self, classifier: Classifier, *, max_batch: int = MAX_BATCH, max_waiting: int = 1024
    ) -> None:
        self.classifier = classifier
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[str, asyncio.Future[Reading]]] = deque()
        self._wake = asyncio.Event()
        self._between_batches = asyncio.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="classifier")
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self) -> None:
        """Start the worker; earlier calls of `read` wait for it."""
        self._worker = asyncio.create_task(self._work(), name="batcher")

    async def close(self) -> None:
        """Read the waiting messages, then stop. Later calls raise RuntimeError."""
        self._closed = True
        self._wake.set()
        if self._worker is not None:
            await self._worker
        for _, future in self._waiting:
            future.cancel()
        async with self._between_batches:
            self._thread.shutdown()

    async def read(self, text: str) -> Reading:
        """The reading of one message. Raises Overloaded, or the error of its batch."""
        if self._closed:
            raise RuntimeError("the batcher is closed")
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(f"{len(self._waiting)} messages wait to be read")
        future: asyncio.Future[Reading] = asyncio.get_running_loop().create_future()
        self._waiting.append((text, future))
        self._wake.set()
        return await future

    async def embed(self, texts: Sequence[str]) -> Floats:
        """Sentence embeddings (n, dim) by the classifier that serves at the start. One batch of them runs between two batches
        of messages, on the same thread: a session is not thread-safe. Raises RuntimeError, or the classifier's error."""
        classifier, parts = self.classifier, []
        for start in range(0, max(1, len(texts)), self._max_batch):
            async with self._between_batches:
                if self._closed:
                    raise RuntimeError("the batcher is closed")
                part = list(texts[start : start + self._max_batch])
                loop = asyncio.get_running_loop()
                parts.append(await loop.run_in_executor(self._thread, classifier.embed, part))
        return np.concatenate(parts)

    async def swap(self, classifier: Classifier) -> Classifier:
        """Put another classifier in service between two batches; returns the old one, now idle."""
        async with self._between_batches:
            old, self.classifier = self.classifier, classifier
            return old

    async def _work(self) -> None:
        while self._waiting or not self._closed:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            async with self._between_batches:
                await self._read_batch()

    async def _read_batch(self) -> None:
        taken = [self._waiting.popleft() for _ in range(min(self._max_batch, len(self._waiting)))]
        batch = [
            (text, future) for text, future in taken if not future.done()
        ]  # done: its caller was cancelled
        if not batch:
            return
        try:
            readings = await asyncio.get_running_loop().run_in_executor(
                self._thread, self.classifier.read, [text for text, _ in batch]
            )
        except (
            Exception
        ) as error:  # top of the worker loop: every caller gets the error, the worker continues
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), reading in zip(batch, readings, strict=True):
            if not future.done():
                future.set_result(reading)

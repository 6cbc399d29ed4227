"""Carries out what bot.learning.watch decides: the old version reads along, off the road, and is called back if it was better."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from bot.domain.actions import Notice
from bot.domain.learning import Ask, Watched
from bot.learning.asking import PATIENCE_S
from bot.learning.serving import Serving
from bot.learning.watch import is_one_voice, is_worse, known, told
from bot.settings import WatchSettings
from bot.store import Store
from bot.store.watches import SUCCEEDED
from bot.workspace import Workspace
from model.artefact_folder import ArtefactError
from model.classifier import Classifier

log = logging.getLogger(__name__)

MOST_ASKS = 60
"""Questions one watch may cost the team."""
MOST_CONFIRM = 3
"""And so many at a time, three times as many in all, if one person alone finds the new version worse."""


class Watcher:
    def __init__(
        self,
        *,
        settings: WatchSettings,
        store: Store,
        serving: Serving,
        workspace: Workspace,
        committed: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._store = store
        self._serving = serving
        self._workspace = workspace
        self._committed = committed
        self._clock = clock
        self._old: Classifier | None = None
        self._turn = 0

    async def tick(self) -> None:
        """Read along, look at what people said, and end the watch if it is decided or over."""
        team = self._workspace.team
        watch = await self._store.watches.current(team)
        if watch is None:
            self._old = None
            return
        if not await self._serving.serves(watch.version):
            await self._store.watches.end(watch, *SUCCEEDED, self._clock())
            return
        try:
            await self._read_along(watch)
        except ArtefactError as error:
            await self._store.watches.end(watch, "stopped", str(error), self._clock())
            log.warning("the watch over %s was stopped: %s", watch.version, error)
            text = f"👀 The watch over `{watch.version}` has ended: the version before cannot be loaded ({error}). It stays, unwatched."
            await self._tell(watch, text)
            return
        seen = await self._store.watches.seen(watch)
        worse, one_voice = is_worse(seen), is_one_voice(seen, len(self._workspace.staff))
        if worse and not one_voice:
            await self._call_back(watch, told(seen))
            return
        if worse:
            text = (
                f"⚠️ One person alone finds `{watch.version}` worse than `{watch.previous}`: {told(seen)}. "
                "Others are asked: if one of them agrees on a message it is called back. `rollback` does it now."
            )
            await self._tell(watch, text, "one voice")
            await self._ask_others(watch)
        hours = (self._clock() - watch.started_at) / 3600
        if not worse and known(seen) >= self._settings.readings and hours >= self._settings.hours:
            await self._store.watches.end(watch, "passed", told(seen), self._clock())
            await self._tell(watch, f"👀 Version `{watch.version}` has held: {told(seen)}. It stays.")
        elif hours >= self._settings.most_hours:
            await self._store.watches.end(watch, "undecided", told(seen), self._clock())
            why = "for one person alone finds it worse" if worse else "for too little was seen or answered"
            text = f"👀 The watch over `{watch.version}` ends undecided, {why}: {told(seen)}. It stays."
            await self._tell(watch, text)

    async def _read_along(self, watch: Watched) -> None:
        messages = await self._store.watches.unread(watch)
        if not messages:
            return
        if self._old is None or self._old.version != watch.previous:
            self._old = await asyncio.to_thread(self._serving.load, watch.previous)
        readings = await asyncio.to_thread(self._old.read, [message.text for message in messages])
        labels = [reading.label for reading in readings]
        differ = await self._store.watches.note(
            watch, list(zip(messages, labels, strict=True)), self._clock()
        )
        await self._ask(watch, differ)

    async def _ask(self, watch: Watched, messages: list[int]) -> None:
        """One person of the team each, in turn: which of the two is right is for people to say."""
        people = self._workspace.staff
        since = watch.started_at
        asked = sum(why == "differ" for why, _ in await self._store.asks.asked(self._workspace.team, since))
        asks = []
        for message in messages[: max(0, MOST_ASKS - asked)] if people else []:
            asks.append(Ask(message, "differ", people[self._turn % len(people)]))
            self._turn += 1
        if asks and await self._store.asks.put(self._workspace.team, asks, self._clock()):
            self._committed()

    async def _ask_others(self, watch: Watched) -> None:
        """Whether they agree with the one who finds the old version better: about a few messages at a time, and of those
        first who were asked least."""
        team, now = self._workspace.team, self._clock()
        earlier = [
            o
            for o in await self._store.asks.opinions(team)
            if o.why == "confirm" and o.at >= watch.started_at
        ]
        waiting = [o for o in earlier if o.open and now - o.at < PATIENCE_S]
        burden = Counter(o.person for o in earlier)
        asks: list[Ask] = []
        for message, spoken in (await self._store.watches.old_right(watch)).items():
            asked = {o.person for o in earlier if o.message == message}
            others = [p for p in self._workspace.staff if p not in spoken and p not in asked]
            if any(o.message == message for o in waiting) or not others:
                continue
            if len(waiting) + len(asks) >= MOST_CONFIRM or len(earlier) + len(asks) >= 3 * MOST_CONFIRM:
                break
            person = min(others, key=lambda p: (burden[p], p))
            burden[person] += 1
            asks.append(Ask(message, "confirm", person))
        if asks and await self._store.asks.put(team, asks, now):
            self._committed()

    async def _call_back(self, watch: Watched, why: str) -> None:
        """If that fails the watch stays open, and the next tick tries again; it is told once."""
        answer = await self._serving.rollback("the watch", of=watch.version, ended=("worse", why))
        worse = (
            f"Version `{watch.version}` reads your customers worse than `{watch.previous}`: {why}. {answer}"
        )
        if await self._serving.serves(watch.version):
            await self._tell(watch, f"⚠️ {worse}", "not called back")
        else:
            await self._tell(watch, f"⏪ {worse}")

    async def _tell(self, watch: Watched, text: str, what: str = "ended") -> None:
        action = Notice(key=f"watch:{watch.id}:{what}", text=text)
        await self._store.outbox.put(self._workspace.team, action, self._clock())
        self._committed()

"""Runs the shadow evaluation: the old version reads the same messages beside the pipeline; if it is better, the bot rolls back.

The decision itself is in bot.learning.shadow.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable

from bot.domain.actions import Notice
from bot.domain.learning import LabelRequest, ShadowEvaluation
from bot.learning.sampling import REPLACE_AFTER_S
from bot.learning.serving import Serving
from bot.learning.shadow import is_one_annotator, is_worse, known, summary
from bot.settings import ShadowEvaluationSettings
from bot.store import Store
from bot.store.shadow_evaluations import SUPERSEDED
from bot.workspace import Workspace
from model.artefact_folder import ArtefactError
from model.classifier import Classifier

log = logging.getLogger(__name__)

MAX_LABEL_REQUESTS = 60
"""Label requests that one evaluation may make."""
MAX_CONFIRMATIONS = 3
"""Open requests for confirmation at a time, if only one person finds the new version worse; three times as many in all."""


class ShadowEvaluator:
    def __init__(
        self,
        *,
        settings: ShadowEvaluationSettings,
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
        self._next_person = 0

    async def tick(self) -> None:
        """Read new messages with the old version, look at people's labels, and end the evaluation if it is decided."""
        team = self._workspace.team
        evaluation = await self._store.shadow_evaluations.current(team)
        if evaluation is None:
            self._old = None
            return
        if not await self._serving.serves(evaluation.version):
            await self._store.shadow_evaluations.end(evaluation, *SUPERSEDED, self._clock())
            return
        try:
            await self._read_new_messages(evaluation)
        except ArtefactError as error:
            await self._store.shadow_evaluations.end(evaluation, "stopped", str(error), self._clock())
            log.warning("the shadow evaluation of %s was stopped: %s", evaluation.version, error)
            text = (
                f"👀 The shadow evaluation of `{evaluation.version}` has ended: the previous version cannot be loaded "
                f"({error}). `{evaluation.version}` stays in service."
            )
            await self._tell(evaluation, text)
            return
        counts = await self._store.shadow_evaluations.counts(evaluation)
        worse, one_annotator = is_worse(counts), is_one_annotator(counts, len(self._workspace.staff))
        if worse and not one_annotator:
            await self._roll_back(evaluation, summary(counts))
            return
        if worse:
            text = (
                f"⚠️ So far one person finds `{evaluation.version}` worse than `{evaluation.previous}`: {summary(counts)}. "
                "I ask others, too: if one of them agrees, I roll back. You can do it now with `rollback`."
            )
            await self._tell(evaluation, text, "one voice")
            await self._request_adjudications(evaluation)
        hours = (self._clock() - evaluation.started_at) / 3600
        if not worse and known(counts) >= self._settings.readings and hours >= self._settings.hours:
            await self._store.shadow_evaluations.end(evaluation, "passed", summary(counts), self._clock())
            text = f"👀 Version `{evaluation.version}` passed its shadow evaluation: {summary(counts)}. It stays."
            await self._tell(evaluation, text)
        elif hours >= self._settings.max_hours:
            await self._store.shadow_evaluations.end(evaluation, "undecided", summary(counts), self._clock())
            why = "only one person finds it worse" if worse else "too few messages were read or answered"
            text = f"👀 The shadow evaluation of `{evaluation.version}` ends undecided ({why}): {summary(counts)}. It stays."
            await self._tell(evaluation, text)

    async def _read_new_messages(self, evaluation: ShadowEvaluation) -> None:
        messages = await self._store.shadow_evaluations.unread(evaluation)
        if not messages:
            return
        if self._old is None or self._old.version != evaluation.previous:
            self._old = await asyncio.to_thread(self._serving.load, evaluation.previous)
        readings = await asyncio.to_thread(self._old.read, [message.text for message in messages])
        labels = [reading.label for reading in readings]
        differ = await self._store.shadow_evaluations.note(
            evaluation, list(zip(messages, labels, strict=True)), self._clock()
        )
        await self._request_labels(evaluation, differ)

    async def _request_labels(self, evaluation: ShadowEvaluation, messages: list[int]) -> None:
        """Ask which of the two versions is right: one person of the team per message, in turn."""
        people = self._workspace.staff
        since = evaluation.started_at
        asked = sum(
            why == "differ" for why, _ in await self._store.label_requests.asked(self._workspace.team, since)
        )
        requests = []
        for message in messages[: max(0, MAX_LABEL_REQUESTS - asked)] if people else []:
            requests.append(LabelRequest(message, "differ", people[self._next_person % len(people)]))
            self._next_person += 1
        if requests and await self._store.label_requests.put(self._workspace.team, requests, self._clock()):
            self._committed()

    async def _request_adjudications(self, evaluation: ShadowEvaluation) -> None:
        """Ask others whether they agree with the one person who finds the old version better.

        A few messages at a time; each request goes to the person with the fewest.
        """
        team, now = self._workspace.team, self._clock()
        earlier = [
            o
            for o in await self._store.label_requests.adjudications(team)
            if o.why == "confirm" and o.at >= evaluation.started_at
        ]
        waiting = [o for o in earlier if o.open and now - o.at < REPLACE_AFTER_S]
        open_requests = Counter(o.person for o in earlier)
        requests: list[LabelRequest] = []
        for message, annotators in (await self._store.shadow_evaluations.old_right(evaluation)).items():
            asked = {o.person for o in earlier if o.message == message}
            others = [p for p in self._workspace.staff if p not in annotators and p not in asked]
            if any(o.message == message for o in waiting) or not others:
                continue
            if (
                len(waiting) + len(requests) >= MAX_CONFIRMATIONS
                or len(earlier) + len(requests) >= 3 * MAX_CONFIRMATIONS
            ):
                break
            person = min(others, key=lambda p: (open_requests[p], p))
            open_requests[person] += 1
            requests.append(LabelRequest(message, "confirm", person))
        if requests and await self._store.label_requests.put(team, requests, now):
            self._committed()

    async def _roll_back(self, evaluation: ShadowEvaluation, why: str) -> None:
        """Return to the old version. If that fails, the evaluation stays open and the next tick tries again; it is reported once."""
        answer = await self._serving.rollback(
            "the shadow evaluation", of=evaluation.version, ended=("worse", why)
        )
        worse = f"Version `{evaluation.version}` reads your customers worse than `{evaluation.previous}`: {why}. {answer}"
        if await self._serving.serves(evaluation.version):
            await self._tell(evaluation, f"⚠️ {worse}", "not rolled back")
        else:
            await self._tell(evaluation, f"⏪ {worse}")

    async def _tell(self, evaluation: ShadowEvaluation, text: str, what: str = "ended") -> None:
        action = Notice(key=f"evaluation:{evaluation.id}:{what}", text=text)
        await self._store.outbox.put(self._workspace.team, action, self._clock())
        self._committed()

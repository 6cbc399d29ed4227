"""Carries out what bot.learning.shadow decides: the old version reads along, off the road, and is called back if it was better."""

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
from bot.store.shadow_evaluations import SUCCEEDED
from bot.workspace import Workspace
from model.artefact_folder import ArtefactError
from model.classifier import Classifier

log = logging.getLogger(__name__)

MAX_LABEL_REQUESTS = 60
"""Questions one evaluation may cost the team."""
MAX_CONFIRMATIONS = 3
"""And so many at a time, three times as many in all, if one person alone finds the new version worse."""


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
        self._turn = 0

    async def tick(self) -> None:
        """Read along, look at what people said, and end the evaluation if it is decided or over."""
        team = self._workspace.team
        evaluation = await self._store.shadow_evaluations.current(team)
        if evaluation is None:
            self._old = None
            return
        if not await self._serving.serves(evaluation.version):
            await self._store.shadow_evaluations.end(evaluation, *SUCCEEDED, self._clock())
            return
        try:
            await self._read_along(evaluation)
        except ArtefactError as error:
            await self._store.shadow_evaluations.end(evaluation, "stopped", str(error), self._clock())
            log.warning("the evaluation over %s was stopped: %s", evaluation.version, error)
            text = (
                f"👀 The shadow evaluation of `{evaluation.version}` has ended: the previous version cannot be loaded "
                f"({error}). `{evaluation.version}` stays in service."
            )
            await self._tell(evaluation, text)
            return
        counts = await self._store.shadow_evaluations.counts(evaluation)
        worse, one_annotator = is_worse(counts), is_one_annotator(counts, len(self._workspace.staff))
        if worse and not one_annotator:
            await self._call_back(evaluation, summary(counts))
            return
        if worse:
            text = (
                f"⚠️ One person alone finds `{evaluation.version}` worse than `{evaluation.previous}`: {summary(counts)}. "
                "Others are asked: if one of them agrees on a message it is called back. `rollback` does it now."
            )
            await self._tell(evaluation, text, "one voice")
            await self._request_adjudications(evaluation)
        hours = (self._clock() - evaluation.started_at) / 3600
        if not worse and known(counts) >= self._settings.readings and hours >= self._settings.hours:
            await self._store.shadow_evaluations.end(evaluation, "passed", summary(counts), self._clock())
            await self._tell(
                evaluation, f"👀 Version `{evaluation.version}` has excluded: {summary(counts)}. It stays."
            )
        elif hours >= self._settings.max_hours:
            await self._store.shadow_evaluations.end(evaluation, "undecided", summary(counts), self._clock())
            why = "for one person alone finds it worse" if worse else "for too little was counts or answered"
            text = f"👀 The evaluation over `{evaluation.version}` ends undecided, {why}: {summary(counts)}. It stays."
            await self._tell(evaluation, text)

    async def _read_along(self, evaluation: ShadowEvaluation) -> None:
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
        """One person of the team each, in turn: which of the two is right is for people to say."""
        people = self._workspace.staff
        since = evaluation.started_at
        asked = sum(
            why == "differ" for why, _ in await self._store.label_requests.asked(self._workspace.team, since)
        )
        requests = []
        for message in messages[: max(0, MAX_LABEL_REQUESTS - asked)] if people else []:
            requests.append(LabelRequest(message, "differ", people[self._turn % len(people)]))
            self._turn += 1
        if requests and await self._store.label_requests.put(self._workspace.team, requests, self._clock()):
            self._committed()

    async def _request_adjudications(self, evaluation: ShadowEvaluation) -> None:
        """Whether they agree with the one who finds the old version better: about a few messages at a time, and of those
        first who were asked least."""
        team, now = self._workspace.team, self._clock()
        earlier = [
            o
            for o in await self._store.label_requests.adjudications(team)
            if o.why == "confirm" and o.at >= evaluation.started_at
        ]
        waiting = [o for o in earlier if o.open and now - o.at < REPLACE_AFTER_S]
        open_requests = Counter(o.person for o in earlier)
        requests: list[LabelRequest] = []
        for message, spoken in (await self._store.shadow_evaluations.old_right(evaluation)).items():
            asked = {o.person for o in earlier if o.message == message}
            others = [p for p in self._workspace.staff if p not in spoken and p not in asked]
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

    async def _call_back(self, evaluation: ShadowEvaluation, why: str) -> None:
        """If that fails the evaluation stays open, and the next tick tries again; it is summary once."""
        answer = await self._serving.rollback("the evaluation", of=evaluation.version, ended=("worse", why))
        worse = f"Version `{evaluation.version}` reads your customers worse than `{evaluation.previous}`: {why}. {answer}"
        if await self._serving.serves(evaluation.version):
            await self._tell(evaluation, f"⚠️ {worse}", "not called back")
        else:
            await self._tell(evaluation, f"⏪ {worse}")

    async def _tell(self, evaluation: ShadowEvaluation, text: str, what: str = "ended") -> None:
        action = Notice(key=f"evaluation:{evaluation.id}:{what}", text=text)
        await self._store.outbox.put(self._workspace.team, action, self._clock())
        self._committed()

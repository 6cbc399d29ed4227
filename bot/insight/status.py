"""How the bot is doing, in words, for the team's eyes alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bot.domain.learning import UNJUDGED, Run, SampleAnswer
from bot.health import Health
from bot.learning.runs import Learning
from bot.learning.selection import BURST
from bot.store import Store
from bot.workspace import Workspace
from model.batcher import Batcher
from model.intervals import rate_interval
from model.registry import Registry


class Status:
    def __init__(
        self,
        store: Store,
        workspace: Workspace,
        batcher: Batcher,
        registry: Registry,
        learning: Learning,
        health: Health,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._batcher = batcher
        self._registry = registry
        self._learning = learning
        self._health = health
        self._clock = clock

    async def lines(self) -> list[str]:
        """The state of everything an admin or operator would ask for, one line each."""
        inbox, outbox = await self._store.inbox.counts(), await self._store.outbox.counts()
        cases = await self._store.cases.open_cases(self._workspace.team, limit=1000)
        run = await self._store.records.last_run(self._workspace.team)
        verdict = await self._store.records.last_run(self._workspace.team, but=UNJUDGED)
        judged = (
            f" · last verdict {_run_summary(verdict)}" if verdict and run and verdict.id != run.id else ""
        )
        consent = await self._store.records.consent(self._workspace.team)
        classifier = self._batcher.classifier
        waiting = outbox.get("pending", 0) + outbox.get("sending", 0)
        failing = [f"⚠️ *{part}* ({why[:100]})" for part, (_, why) in self._health.failing.items()]
        return [
            *failing,
            f"*Model* `{classifier.version}` on {classifier.device}",
            f"*Messages* {inbox.get('done', 0)} settled, {inbox.get('pending', 0)} waiting, {inbox.get('failed', 0)} failed",
            f"*Replies and cards* {outbox.get('sent', 0)} sent, {waiting} waiting, {outbox.get('failed', 0)} failed",
            f"*Open cases* {len(cases)}",
            f"*Learning* consent {'on' if consent else 'off'} · next {_when(self._learning.next_run())} · last {_run_summary(run)}{judged}",
        ]

    async def stats(self) -> list[str]:
        """How often the bot is wrong, by messages drawn by lot that a person of the team has judged since 90 days."""
        since = self._clock() - _STATS_DAYS * 86400.0
        answered = await self._store.label_requests.answered(self._workspace.team, since)
        lines = [
            f"*How often I am wrong*, by messages of the last {_STATS_DAYS} days drawn by lot and judged by you"
        ]
        lines += _rates(answered)
        for channel in sorted(self._workspace.channels):
            here = [a for a in answered if a.channel == channel]
            if len(here) >= _ENOUGH and len(here) < len(answered):
                lines += [f"<#{channel}>", *_rates(here)]
        counts = await self._store.feedback.counts()
        helped, not_helped = counts.get("rating:helpful", 0), counts.get("rating:not_helpful", 0)
        person = counts.get("rating:person", 0)
        lines.append(
            f"*Answers* {helped} helped, {not_helped} did not, {person} should have come from a person"
        )
        return lines

    async def corrections(self) -> list[str]:
        """What the next run would learn from, and what is excluded and why."""
        selection = await self._learning.requester.selection()
        lines = [
            f"*To learn from* {len(selection.to_learn)} messages",
            f"*To measure by, never to learn from* {len(selection.live)}",
        ]
        for why, count in sorted(selection.reasons.items(), key=lambda item: -item[1]):
            line = f"*Excluded back* {count}: {why}"
            if why == BURST:
                people = sorted(
                    {
                        user
                        for excluded in selection.excluded
                        if excluded.why == why
                        for user in excluded.users
                    }
                )
                line += " (" + ", ".join(f"<@{user}>" for user in people) + "; `clear @somebody`)"
            lines.append(line)
        return lines

    async def models(self) -> list[str]:
        """All versions with their figures on the holdout, oldest first."""
        states = await self._store.records.model_states(self._workspace.team)
        active = self._registry.active()
        lines = []
        for manifest in await asyncio.to_thread(self._registry.versions):
            macro_f1 = manifest.metrics.get("holdout", {}).get("macro_f1")
            figure = (
                f"macro-F1 {macro_f1:.3f} on messages kept out of training"
                if macro_f1 is not None
                else "no figure"
            )
            state = "serving" if manifest.version == active else states.get(manifest.version, "shipped")
            lines.append(
                f"{'→' if manifest.version == active else '·'} `{manifest.version}` {state}, {figure}"
            )
        return lines


_STATS_DAYS = 90
_ENOUGH = 20
"""Answers from which on a channel has rates of its own."""


def _rates(answered: Sequence[SampleAnswer]) -> list[str]:
    """Misses among what was not flagged, false alarms among what was; with 95 % intervals."""
    calm = [a for a in answered if not a.flagged]
    flagged = [a for a in answered if a.flagged]
    missed = sum(a.label == "negative" for a in calm)
    wrong = sum(a.label != "negative" for a in flagged)
    return [
        f"*Missed* {_rate_text(missed, len(calm))} of the messages that I did not flag were of unhappy customers",
        f"*False alarms* {_rate_text(wrong, len(flagged))} of those that I flagged were not",
    ]


def _rate_text(count: int, n: int) -> str:
    if not n:
        return "not known yet (nobody was asked):"
    low, high = rate_interval(count, n)
    return f"{count} of {n} ({count / n:.1%}; 95 % interval {low:.1%} to {high:.1%})"


def _when(at: datetime | None) -> str:
    return at.strftime("%a %d %b %H:%M %Z") if at else "not scheduled"


def _run_summary(run: Run | None) -> str:
    if run is None:
        return "never"
    at = datetime.fromtimestamp(run.started_at, UTC).strftime("%a %d %b %H:%M UTC")
    return f"{at}, {run.state}" + (f": {run.summary}" if run.summary else "")

"""Texts on the state of the bot, for the team only."""

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
        """The bot's state for admins and operators, one line per part."""
        inbox, outbox = await self._store.inbox.counts(), await self._store.outbox.counts()
        cases = await self._store.cases.open_cases(self._workspace.team, limit=1000)
        run = await self._store.records.last_run(self._workspace.team)
        verdict = await self._store.records.last_run(self._workspace.team, but=UNJUDGED)
        last_verdict = (
            f" · last verdict {_run_summary(verdict)}" if verdict and run and verdict.id != run.id else ""
        )
        consent = await self._store.records.consent(self._workspace.team)
        classifier = self._batcher.classifier
        waiting = outbox.get("pending", 0) + outbox.get("sending", 0)
        failing = [f"⚠️ *{part}* ({why[:100]})" for part, (_, why) in self._health.failing.items()]
        return [
            *failing,
            f"*Model* `{classifier.version}` on {classifier.device}",
            f"*Messages* {inbox.get('done', 0)} processed, {inbox.get('pending', 0)} waiting, {inbox.get('failed', 0)} failed",
            f"*Replies and cards* {outbox.get('sent', 0)} sent, {waiting} waiting, {outbox.get('failed', 0)} failed",
            f"*Open cases* {len(cases)}",
            f"*Learning* consent {'on' if consent else 'off'} · next {_when(self._learning.next_run())}"
            f" · last {_run_summary(run)}{last_verdict}",
        ]

    async def stats(self) -> list[str]:
        """How often the bot is wrong, by the labels of the random sample in the last 90 days."""
        since = self._clock() - _STATS_DAYS * 86400.0
        answered = await self._store.label_requests.answered(self._workspace.team, since)
        lines = [
            f"*How often I am wrong*, by a random sample of the last {_STATS_DAYS} days that you labelled"
        ]
        lines += _rates(answered)
        for channel in sorted(self._workspace.channels):
            here = [a for a in answered if a.channel == channel]
            if len(here) >= _MIN_ANSWERS and len(here) < len(answered):
                lines += [f"<#{channel}>", *_rates(here)]
        counts = await self._store.feedback.counts()
        helped, not_helped = counts.get("rating:helpful", 0), counts.get("rating:not_helpful", 0)
        person = counts.get("rating:person", 0)
        lines.append(
            f"*Answers* {helped} helped, {not_helped} did not, {person} should have come from someone on the team"
        )
        return lines

    async def corrections(self) -> list[str]:
        """The corrections that the next run would learn from, and the excluded ones with their reasons."""
        selection = await self._learning.requester.selection()
        lines = [
            f"*To learn from* {len(selection.to_learn)} messages",
            f"*To measure with, never to learn from* {len(selection.live)}",
        ]
        for why, count in sorted(selection.reasons.items(), key=lambda item: -item[1]):
            line = f"*Excluded* {count}: {why}"
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
        """All versions with their macro-F1 on the holdout, oldest first."""
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
_MIN_ANSWERS = 20
"""A channel with at least this many answers gets its own rates."""


def _rates(answered: Sequence[SampleAnswer]) -> list[str]:
    """Misses among the unflagged messages, false alarms among the flagged ones; with 95 % intervals."""
    unflagged = [a for a in answered if not a.flagged]
    flagged = [a for a in answered if a.flagged]
    missed = sum(a.label == "negative" for a in unflagged)
    false_alarms = sum(a.label != "negative" for a in flagged)
    return [
        f"*Missed* {_rate_text(missed, len(unflagged))} of the messages that I did not flag were of unhappy customers",
        f"*False alarms* {_rate_text(false_alarms, len(flagged))} of those that I flagged were not",
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

"""The pipeline, one way: inbox → gate → classify → decide → commit → (outbox delivers).

A listener calls `accept` and acks when it returns. `run` processes the inbox, oldest event first. It commits each
decision together with the actions that follow from it; the outbox sends them. After a crash both tables are resumed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jinja2 import TemplateError

from bot.domain.actions import Action, Clarify, Draft, Reply
from bot.domain.message import Decision, Deletion, Edit, Message, Received, Skip, TemplateMatch
from bot.health import DATABASE, GPU, MODEL, TEMPLATES, Health
from bot.pipeline.decide import decide, when_late
from bot.pipeline.gate import as_it_is, gate
from bot.pipeline.matching import Router
from bot.pipeline.templates import values_for
from bot.privacy.forgetting import Forgetting
from bot.privacy.redaction import to_keep
from bot.settings import RuleSettings
from bot.store import Store, StoreUnavailable
from bot.workspace import Workspace
from model.batcher import MAX_BATCH, Batcher, Overloaded
from model.reading import Reading
from model.text import clean

log = logging.getLogger(__name__)

Gated = Message | Edit | Deletion | Skip

OVERTAKEN_S = 60.0
"""An edit of an unknown message younger than this came before the message itself. For an older message, the bot was not
there when it was written."""
BACKLOG_S = 300.0
"""A message that waited longer than this after it was accepted counts as late: see `bot.pipeline.decide.when_late`."""
MAX_ATTEMPTS = 3
"""After this many attempts an event is marked *failed*."""


class Pipeline:
    def __init__(
        self,
        *,
        store: Store,
        batcher: Batcher,
        router: Router,
        workspace: Workspace,
        forgetting: Forgetting,
        rules: RuleSettings,
        product: str,
        health: Health,
        committed: Callable[[], None],
        clock: Callable[[], float],
        batch: int = MAX_BATCH,
    ) -> None:
        self._store = store
        self._batcher = batcher
        self._router = router
        self._workspace = workspace
        self._forgetting = forgetting
        self._rules = rules
        self._product = product
        self._health = health
        self._committed = committed
        self._clock = clock
        self._batch = batch
        self._arrived = asyncio.Event()
        self._backlog = 0
        """Events up to this id were accepted before the bot stopped. They may be late by now."""

    async def accept(self, team: str, event: Mapping[str, Any]) -> bool:
        """Put an event into the inbox, on disk. Once this returns, the event may be acked: it will not be lost.

        Returns False if the inbox had it already. Raises StoreUnavailable.
        """
        try:
            is_new = await self._store.inbox.put(team, event, self._clock())
        except StoreUnavailable as error:
            await self._health.failed(DATABASE, error)
            raise  # not acked: it comes again
        if is_new:
            self._arrived.set()
        return is_new

    async def run(self) -> None:
        """Process events until cancelled."""
        started = False
        while True:
            self._arrived.clear()
            try:
                if not started:
                    self._backlog, started = await self._store.inbox.newest(), True
                events = await self._store.inbox.pending(self._batch)
                if events:
                    await self.process_batch(events)
                    await self._health.worked(DATABASE)
                    continue
            except Exception as error:
                log.exception("events cannot be processed; trying again in a second")
                await self._health.failed(DATABASE, error)
                await asyncio.sleep(1)
                continue
            await self._health.worked(DATABASE)
            # While something is failing, look every few seconds: a recovery must be noticed although no event arrives.
            timeout_s = 5.0 if self._health.failing else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._arrived.wait()

    async def process_batch(self, events: Sequence[Received]) -> None:
        """Read all messages as one batch, then commit them in order."""
        gated = [self._gate(received) for received in events]  # an Exception where the gate failed
        readings = await asyncio.gather(*(self._classify(m) for m in gated), return_exceptions=True)
        for received, message, reading in zip(events, gated, readings, strict=True):
            try:
                if isinstance(message, Exception):
                    raise message
                if isinstance(reading, BaseException):
                    reading = await self._read_alone(message, reading)
                await self._commit(received, message, reading)
            except Overloaded:
                await asyncio.sleep(0.1)  # the event stays pending and comes again
            except Exception as error:
                await self._record_failure(received, error)
        self._committed()

    def _gate(self, received: Received) -> Gated | Exception:
        try:
            found = gate(
                received.event,
                team=received.team,
                channels=self._workspace.channels,
                roles=self._workspace.roles,
                bot_user=self._workspace.bot_user,
            )
            if isinstance(found, Message):
                # Accepted before the bot stopped, or long in a backlog: it may have been answered meanwhile.
                waited = self._clock() - received.received_at > BACKLOG_S
                late = found.late or ("open" if waited or received.id <= self._backlog else None)
                return replace(found, late=late, shared=found.channel in self._workspace.shared)
            return found
        except Exception as error:  # a malformed event or a bug: the other events of the batch go on
            return error

    async def _classify(self, gated: Gated | Exception) -> Reading | None:
        """The model's reading of a customer's message. Messages of the team are not read."""
        message = gated.message if isinstance(gated, Edit) else gated
        if not isinstance(message, Message) or message.role != "customer":
            return None
        reading = await self._batcher.read(message.text)
        await self._health.worked(MODEL)
        if why := self._batcher.classifier.fell_back:
            await self._health.failed(GPU, why)
        else:
            await self._health.worked(GPU)
        return reading

    async def _read_alone(self, message: Gated, error: BaseException) -> Reading | None:
        """Read a message again after its batch failed, so that one bad text does not affect the others. If it fails again,
        the message is not scored and goes to the team."""
        if isinstance(error, Overloaded):
            raise error
        try:
            return await self._classify(message)
        except Overloaded:
            raise
        except Exception as failure:
            log.exception("a message could not be read")
            await self._probe_model(failure)
            return Reading(self._batcher.classifier.version, None, None, None, "the model did not answer")

    async def _probe_model(self, failure: Exception) -> None:
        """One message could not be read. Report the model as failing if it cannot read a simple text either."""
        try:
            await self._batcher.read("hello")
        except Overloaded:
            pass
        except Exception:
            await self._health.failed(MODEL, failure)

    async def _commit(self, received: Received, gated: Gated, reading: Reading | None) -> None:
        conversations, now = self._store.conversations, self._clock()
        match gated:
            case Skip(reason):
                await self._store.inbox.skip(received.id, reason)
            case Deletion():
                await self._forgetting.message(received.id, gated)
            case Message() as message:
                decision, actions = await self._answer(message, await self._decide(message, reading))
                await conversations.commit(received.id, message, reading, decision, actions, now)
            case Edit(message, edited_at):
                if edited_at - message.written_at < OVERTAKEN_S and not await conversations.knows(message):
                    await self._commit(received, message, reading)
                    return
                decision, actions = await self._answer(message, await self._decide(message, reading))
                await conversations.revise(
                    received.id, gated, reading, decision, actions, now, to_keep(message.text)
                )

    async def _decide(self, message: Message, reading: Reading | None) -> Decision:
        if reading is None:
            return Decision()
        thread = await self._store.conversations.thread(
            message,
            conversation_s=self._rules.conversation_s,
            negative_threshold=self._rules.negative_threshold,
        )
        cleaned = clean(message.text)
        decision = decide(message, cleaned, reading, self._matches(reading, cleaned), thread, self._rules)
        return when_late(decision, message, self._clock(), self._rules)

    def _matches(self, reading: Reading, cleaned: str) -> list[TemplateMatch]:
        if reading.embedding is None:
            return []
        return self._router.nearest(reading.embedding, reading.version, cleaned)

    async def _answer(self, message: Message, decision: Decision) -> tuple[Decision, list[Action]]:
        """As `_in_mode`. If the template cannot be rendered, the message is flagged for the team instead."""
        try:
            made = self._in_mode(message, decision)
        except TemplateError as error:
            which = decision.template or decision.reply
            await self._health.failed(TEMPLATES, f"{which}: {error}", which)
            reasons = (*decision.reasons, "its template is broken")
            return replace(decision, reply=None, flag=decision.flag or "request", reasons=reasons), []
        if decision.reply:
            await self._health.worked(TEMPLATES, decision.template or decision.reply)
        return made

    def _in_mode(self, message: Message, decision: Decision) -> tuple[Decision, list[Action]]:
        """The reply in the channel's mode: posted (auto), drafted for agents (suggest), or none (observe).

        The returned decision holds what the customer gets now: a draft is no reply until an agent sends it.
        """
        if decision.reply is None:
            return decision, []
        text = self._text(message, decision)
        # Only answers are rated, no apologies.
        rate = decision.reply == "template" and decision.tone != "negative"
        if message.mode == "auto":
            key = Reply.key_of(message.channel, message.ts)
            if decision.reply == "clarify":
                options = [{"template": n.template, "title": n.title} for n in decision.options]
                clarify = Clarify(
                    key=key, channel=message.channel, thread=message.thread, text=text, options=options
                )
                return decision, [clarify]
            reply = Reply(
                key=key,
                channel=message.channel,
                thread=message.thread,
                text=text,
                reply=decision.reply,
                template=decision.template,
                rate=rate,
            )
            return decision, [reply]
        silent = replace(decision, reply=None)
        if message.mode == "observe":
            return silent, []
        if decision.reply != "template":  # there is no answer to draft: the card tells the agents
            return replace(silent, flag=decision.flag or "request"), []
        draft = Draft(
            key=Draft.key_of(message.channel, message.ts),
            text=text,
            reply=decision.reply,
            template=decision.template,
            rate=rate,
            customer_channel=message.channel,
            customer_thread=message.thread,
        )
        return silent, [draft]

    def _text(self, message: Message, decision: Decision) -> str:
        values = values_for(message.user, self._product)
        if decision.reply == "template" and decision.template:
            return self._router.templates.render(decision.template, decision.tone, values)
        return self._router.templates.line(str(decision.reply), values)

    async def _record_failure(self, received: Received, error: Exception) -> None:
        """Note that an event could not be processed. After the last attempt a customer's message goes to the team unread."""
        log.error("event %s could not be processed", received.id, exc_info=error)
        attempts = received.attempts + 1
        reason = f"{type(error).__name__}: {error}"[:300]
        give_up = attempts >= MAX_ATTEMPTS
        message: Gated | Exception | None = self._gate(received)
        if isinstance(message, Exception):
            message = as_it_is(received.event, team=received.team, channels=self._workspace.channels)
        if give_up and isinstance(message, Message) and message.role == "customer":
            unread = Reading(self._batcher.classifier.version, None, None, None, "it could not be processed")
            decision = Decision(flag="unread", reasons=("it could not be processed",))
            try:
                await self._store.conversations.commit(
                    received.id, message, unread, decision, [], self._clock()
                )
                return
            except Exception:
                log.exception("event %s could not be handed to the team either", received.id)
        await self._store.inbox.record_failure(received.id, attempts, reason, give_up=give_up)

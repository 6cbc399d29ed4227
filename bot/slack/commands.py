"""`/softanswer …`. It is acked at once. The answer goes through the outbox and is visible to the asker only."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.domain.actions import Ephemeral
from bot.privacy.redaction import redacted
from bot.services import Services
from bot.slack.client import UNREACHABLE, respond
from bot.store import StoreUnavailable

log = logging.getLogger(__name__)

Answer = Callable[[Services, str, str], Awaitable[str]]

FOR_CUSTOMERS = "Write in the support channel, and you'll get an answer in your thread. To reach our team, write *talk to a person*."


def register(app: AsyncApp, services: Services) -> None:
    @app.command("/softanswer")
    async def softanswer(ack: Callable[..., Awaitable[Any]], command: dict[str, Any]) -> None:
        # Slack waits for three seconds only; a promotion or a large erasure takes longer.
        await ack()
        services.background.start(_work(services, command))


async def _work(services: Services, command: Mapping[str, Any]) -> None:
    """Run a command and queue its answer. If it cannot be queued, send it to Slack at once."""
    user, text = str(command["user_id"]), str(command.get("text") or "")
    try:
        # People from other workspaces are customers here, whatever their id.
        is_ours = (command.get("team_id") or services.workspace.team) == services.workspace.team
        answer = await answer_command(services, user, text) if is_ours else FOR_CUSTOMERS
    except Exception:
        name = _name_of(text)
        log.exception("the command %s of %s failed", name, user)
        answer = f"`{name}` did not work because of an error on my side; my log has the details. Please try it again."
    action = Ephemeral.to_command(command, answer)
    try:
        await services.store.outbox.put(services.workspace.team, action, services.clock())
    except StoreUnavailable as error:
        log.warning("the answer to a command could not be queued: %s", error)
        try:
            await respond(action.response_url, answer)
        except (*UNREACHABLE, ValueError) as unsent:
            log.warning("the answer to a command could not be sent either: %s", unsent)
    services.committed()


def _name_of(text: str) -> str:
    """The command's name, for the log. Unknown names are not logged, as they may be text of a customer."""
    name = text.strip().partition(" ")[0].lower() or "help"
    return name if name in FOR_AGENTS or name in FOR_ADMINS else "/softanswer"


async def answer_command(services: Services, user: str, text: str) -> str:
    """The answer to one command. The rights for all commands are checked here."""
    role = services.workspace.role(user)
    if role == "customer":
        return FOR_CUSTOMERS
    name, _, rest = text.strip().partition(" ")
    name = name.lower() or "help"
    if name in FOR_ADMINS and role != "admin":
        await services.store.records.audit(
            services.workspace.team, user, f"refused: {name}", {}, services.clock()
        )
        return f"Only an admin can do that (`{name}`). The admins are named in softanswer.yaml under people.admins."
    command = FOR_AGENTS.get(name) or FOR_ADMINS.get(name)
    if command is None:
        return f"There is no command `{name[:40]}`. " + await _help(services, user, "")
    return await command(services, user, rest.strip())


async def _help(services: Services, user: str, rest: str) -> str:
    lines = [
        "*What I can do*: write `/softanswer` and",
        "`status` how I am doing · `stats` how often I am wrong · `models` the versions and their figures",
    ]
    if services.workspace.role(user) == "admin":
        lines += [
            "`retrain` learn from the corrections now · `retrain cancel` · `promote VERSION` · `rollback` to the version before",
            "`corrections` what the next version learns from, and what is excluded · `clear @somebody` count a burst of their corrections",
            "`golden` messages that every version must read right · `golden add LABEL TEXT` · `golden remove NUMBER`",
            "`consent on|off` whether I may learn from this workspace's messages",
            "`outbox` what could not be sent · `outbox retry` try it again",
            "`forget @somebody` erase the text of everything they wrote to me",
        ]
    return "\n".join(lines)


async def _status(services: Services, user: str, rest: str) -> str:
    return "\n".join(await services.status.lines())


async def _models(services: Services, user: str, rest: str) -> str:
    return "\n".join(await services.status.models())


async def _stats(services: Services, user: str, rest: str) -> str:
    return "\n".join(await services.status.stats())


async def _corrections(services: Services, user: str, rest: str) -> str:
    return "\n".join(await services.status.corrections())


async def _clear(services: Services, user: str, rest: str) -> str:
    person = _person(rest)
    if person is None:
        return "Whose? `clear @somebody`; `corrections` shows who gave many labels in one direction."
    team, records = services.workspace.team, services.store.records
    cleared = await records.recall(team, "cleared") or {}
    await records.remember(team, "cleared", cleared | {person: services.clock()})
    await records.audit(team, user, "clear", {"user": person}, services.clock())
    return f"The labels that <@{person}> gave up to now count like any others."


async def _release(services: Services, user: str, rest: str) -> str:
    """The name of `clear` in version 0.1."""
    return f"{await _clear(services, user, rest)}\n`release` is called `clear` now."


async def _golden(services: Services, user: str, rest: str) -> str:
    team, examples, now = services.workspace.team, services.store.examples, services.clock()
    what, _, more = rest.partition(" ")
    if what == "add":
        label, _, text = more.strip().partition(" ")
        if label not in ("negative", "neutral", "positive") or not text.strip():
            return "Like this: `golden add negative The export has failed again`"
        number = await examples.add_golden(
            team, redacted(text.strip()), label, user, now, original=text.strip()
        )
        return f"Golden message {number}: every new version must read it as {label}."
    if what == "remove":
        removed = more.strip().isdecimal() and await examples.remove_golden(team, int(more), user, now)
        return "Removed." if removed else "There is no golden message with that number; `golden` lists them."
    lines = [f"{g.id}. {g.label}: {g.text[:200]}" for g in await examples.golden(team)]
    return "\n".join(lines or ["You have none yet: `golden add LABEL TEXT` adds one."])


async def _retrain(services: Services, user: str, rest: str) -> str:
    if rest == "cancel":
        return await services.learning.cancel(user)
    if rest:
        return "`retrain` starts a run, `retrain cancel` stops it."
    return await services.learning.start("command", user)


async def _promote(services: Services, user: str, rest: str) -> str:
    if not rest:
        return "Which version? `promote VERSION`; `models` lists them."
    version, _, more = rest.partition(" ")
    return await services.learning.serving.promote(version, user, anyway=more.strip() == "anyway")


async def _rollback(services: Services, user: str, rest: str) -> str:
    return await services.learning.serving.rollback(user)


async def _consent(services: Services, user: str, rest: str) -> str:
    if rest not in ("on", "off"):
        given = await services.store.records.consent(services.workspace.team)
        return (
            f"Learning from this workspace is {'on' if given else 'off'}. Say `consent on` or `consent off`."
        )
    await services.store.records.set_consent(services.workspace.team, rest == "on", user, services.clock())
    if rest == "off":
        await services.learning.interrupt("consent was withdrawn")
    recorded = f"Recorded: learning from this workspace's messages is {rest}."
    all_days, labelled_days = (
        services.settings.retain_text_days,
        services.settings.learning.feedback.retain_days,
    )
    if labelled_days <= all_days:
        return recorded
    if rest == "off":
        return f"{recorded} Text that was kept only for learning, beyond {all_days} days, is erased within hours."
    kept = f"Messages that your team labels are kept for {labelled_days} days, without addresses, numbers and keys after {all_days}."
    return f"{recorded} {kept}"


async def _outbox(services: Services, user: str, rest: str) -> str:
    team, outbox = services.workspace.team, services.store.outbox
    if rest == "retry":
        count = await outbox.retry_failed(services.clock())
        await services.store.records.audit(team, user, "outbox retry", {"actions": count}, services.clock())
        return (
            f"Trying {count} again." if count else "Everything could be sent, so there is nothing to retry."
        )
    if rest:
        return "`outbox` lists what could not be sent, `outbox retry` tries it again."
    failed = await outbox.failed()
    if not failed:
        return "Everything is sent or on its way."
    lines = [
        f"· {queued.action.kind} for {f'<#{queued.action.channel}>' if queued.action.channel else 'triage'}: {queued.error}"
        for queued in failed
    ]
    return "\n".join(["*Could not be sent* (`outbox retry` tries again)", *lines])


async def _forget(services: Services, user: str, rest: str) -> str:
    person = _person(rest)
    if person is None:
        return "Whom? `forget @somebody`, or their user id, which starts with U (*Copy member ID* in their profile)."
    forgotten = await services.forgetting.person(services.workspace.team, person, user)
    answer = f"Erased the text of {forgotten.messages} messages of <@{person}>. "
    if forgotten.versions:
        learned = ", ".join(f"`{version}`" for version in forgotten.versions)
        answer += f"Versions that had learned from some: {learned}; the next retraining is without them."
    else:
        answer += "No version had learned from them."
    if forgotten.stopped:
        answer += " The retraining that was running was stopped; `retrain` starts it again."
    return answer


def _person(rest: str) -> str | None:
    """The user id that a command names, as a mention or as an id."""
    named = re.fullmatch(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>|([UW][A-Z0-9]+)", rest)
    return (named[1] or named[2]) if named else None


FOR_AGENTS: dict[str, Answer] = {"help": _help, "status": _status, "stats": _stats, "models": _models}
FOR_ADMINS: dict[str, Answer] = {
    "retrain": _retrain,
    "promote": _promote,
    "rollback": _rollback,
    "consent": _consent,
    "forget": _forget,
    "outbox": _outbox,
    "corrections": _corrections,
    "clear": _clear,
    "release": _release,
    "golden": _golden,
}

"""`/softanswer …`. Answers go back with the ack, visible to the asker alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.async_app import AsyncApp

from bot.services import Services

Answer = Callable[[Services, str, str], Awaitable[str]]

FOR_CUSTOMERS = "Write in the support channel, and you get an answer in your thread. To reach a person, write *talk to a person*."


def register(app: AsyncApp, services: Services) -> None:
    @app.command("/softanswer")
    async def softanswer(ack: Callable[..., Awaitable[Any]], command: dict[str, Any]) -> None:
        answer = await answer_command(services, command["user_id"], str(command.get("text") or ""))
        await ack(response_type="ephemeral", text=answer)
        services.committed()


async def answer_command(services: Services, user: str, text: str) -> str:
    """The answer to one command; rights are checked here, for every command."""
    role = services.people.role(user)
    if role == "customer":
        return FOR_CUSTOMERS
    name, _, rest = text.strip().partition(" ")
    name = name.lower() or "help"
    if name in FOR_ADMINS and role != "admin":
        await services.store.records.audit(
            services.people.team, user, f"refused: {name}", {}, services.clock()
        )
        return f"Only an admin can do that (`{name}`). The admins are named in softanswer.yaml under people.admins."
    command = FOR_AGENTS.get(name) or FOR_ADMINS.get(name)
    if command is None:
        return f"There is no command `{name[:40]}`. " + await _help(services, user, "")
    return await command(services, user, rest.strip())


async def _help(services: Services, user: str, rest: str) -> str:
    lines = [
        "*What I can do*: write `/softanswer` and",
        "`status` how I am · `models` the versions, with their figures",
    ]
    if services.people.role(user) == "admin":
        lines += [
            "`retrain` learn from the corrections now · `promote VERSION` · `rollback` to the version before",
            "`consent on|off` whether I may learn from this workspace's messages",
            "`outbox` what could not be sent · `outbox retry` try it once more",
            "`forget @somebody` erase the words of everything they wrote to me",
        ]
    return "\n".join(lines)


async def _status(services: Services, user: str, rest: str) -> str:
    return "\n".join(await services.status.lines())


async def _models(services: Services, user: str, rest: str) -> str:
    return "\n".join(await services.status.models())


async def _retrain(services: Services, user: str, rest: str) -> str:
    return await services.learning.start("command", user)


async def _promote(services: Services, user: str, rest: str) -> str:
    if not rest:
        return "Which version? `promote VERSION`; `models` lists them."
    return await services.learning.promote(rest, user)


async def _rollback(services: Services, user: str, rest: str) -> str:
    return await services.learning.rollback(user)


async def _consent(services: Services, user: str, rest: str) -> str:
    if rest not in ("on", "off"):
        given = await services.store.records.consent(services.people.team)
        return (
            f"Learning from this workspace is {'on' if given else 'off'}. Say `consent on` or `consent off`."
        )
    await services.store.records.set_consent(services.people.team, rest == "on", user, services.clock())
    return f"Recorded: learning from this workspace's messages is {rest}."


async def _outbox(services: Services, user: str, rest: str) -> str:
    team, outbox = services.people.team, services.store.outbox
    if rest == "retry":
        count = await outbox.retry_failed(team, services.clock())
        await services.store.records.audit(team, user, "outbox retry", {"actions": count}, services.clock())
        return (
            f"Trying {count} once more." if count else "Nothing was given up, so there is nothing to retry."
        )
    if rest:
        return "`outbox` lists what could not be sent, `outbox retry` tries it once more."
    failed = await outbox.failed(team)
    if not failed:
        return "Nothing was given up: everything is sent or on its way."
    lines = [
        f"· {action.kind} for {f'<#{action.channel}>' if action.channel else 'triage'}: {action.error}"
        for action in failed
    ]
    return "\n".join(["*Given up* (`outbox retry` tries them once more)", *lines])


async def _forget(services: Services, user: str, rest: str) -> str:
    named = re.fullmatch(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>|([UW][A-Z0-9]+)", rest)
    if named is None:
        return "Whom? `forget @somebody`, or their user id, which starts with U (*Copy member ID* in their profile)."
    person = named[1] or named[2]
    gone = await services.store.erasure.forget(services.people.team, person, user, services.clock())
    answer = f"Forgot the words of {gone.messages} messages of <@{person}>. "
    if gone.versions:
        learned = ", ".join(f"`{version}`" for version in gone.versions)
        answer += f"Versions that had learned from some: {learned}; the next retraining is without them."
    else:
        answer += "No version had learned from them."
    if gone.messages and await services.learning.interrupt("words it may have held were forgotten"):
        answer += " The retraining that was under way has been stopped: `retrain` starts it again."
    return answer


FOR_AGENTS: dict[str, Answer] = {"help": _help, "status": _status, "models": _models}
FOR_ADMINS: dict[str, Answer] = {
    "retrain": _retrain,
    "promote": _promote,
    "rollback": _rollback,
    "consent": _consent,
    "forget": _forget,
    "outbox": _outbox,
}

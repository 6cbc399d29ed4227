"""The Bolt app with all listeners."""

from __future__ import annotations

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.services import Services
from bot.settings import Tokens
from bot.slack import actions, commands, home, messages, reactions, shortcuts

App = AsyncApp


def build_app(api_url: str, tokens: Tokens, services: Services) -> AsyncApp:
    """The Bolt app. `process_before_response`: the ack waits until the listener has written the event to disk.

    `authorize` uses what Slack answered at the start. Bolt's own calls `auth.test` at the first event. If that is refused,
    Bolt acks the event although no listener has seen it.
    """
    workspace = services.workspace

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id=workspace.team,
            bot_user_id=workspace.bot_user,
            bot_id=workspace.bot_id,
            bot_token=tokens.bot,
        )

    app = AsyncApp(
        client=AsyncWebClient(base_url=api_url),
        authorize=authorize,
        signing_secret=tokens.signing_secret or "",
        request_verification_enabled=tokens.signing_secret is not None,
        process_before_response=True,
    )
    for listeners in (messages, reactions, actions, shortcuts, commands, home):
        listeners.register(app, services)
    home.register_catch_all(app)
    return app

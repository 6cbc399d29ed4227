"""The demo's workspace: its people, channels and history, and the settings of a bot for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from bot.ops import init

CARLA, BEN, ANNA, ADA = "U0CARLA", "U0BEN", "U0ANNA", "U0ADA"
HELP, TRIAGE = "C0HELP", "C0TRIAGE"


def seed() -> dict[str, Any]:
    """The workspace *Acme*: two customers, an agent, an admin, two channels, some history."""

    def person(user: str, name: str, real_name: str, title: str) -> dict[str, str]:
        return {"id": user, "name": name, "real_name": real_name, "title": title}

    history = [
        {
            "user": CARLA,
            "text": "Morning all! First day with the new dashboard, it looks great.",
            "minutes_ago": 190,
        },
        {
            "user": BEN,
            "text": "Where do I find the invoice for October?",
            "minutes_ago": 150,
            "thread": [
                {"user": ANNA, "text": "Under Settings → Billing → Invoices, Ben.", "minutes_ago": 141},
                {"user": BEN, "text": "got it, thanks", "minutes_ago": 139},
            ],
        },
    ]
    return {
        "team": {"id": "T0ACME", "name": "Acme", "domain": "acme"},
        "app": {
            "id": "A0SOFT",
            "name": "Softanswer",
            "bot_user": "U0BOT",
            "bot_id": "B0SOFT",
            "bot_token": "xoxb-sandbox",
            "app_token": "xapp-sandbox",
            "signing_secret": "sandbox-signing-secret",
            "commands": ["/softanswer"],
            "request_url": None,
            "shortcuts": [{"callback_id": "sentiment", "name": "Sentiment of this message"}],
        },
        "users": [
            person(CARLA, "carla", "Carla Reyes", "Customer"),
            person(BEN, "ben", "Ben Whitaker", "Customer"),
            person(ANNA, "anna", "Anna Okafor", "Support agent"),
            person(ADA, "ada", "Ada Novak", "Admin"),
        ],
        "channels": [
            {
                "id": HELP,
                "name": "help",
                "topic": "Ask us anything about Acme",
                "members": [CARLA, BEN, ANNA, ADA, "U0BOT"],
                "history": history,
            },
            {
                "id": TRIAGE,
                "name": "triage",
                "topic": "For the support team: cases land here",
                "members": [ANNA, ADA, "U0BOT"],
                "history": [],
            },
        ],
        "usergroups": [{"id": "S0AGENTS", "handle": "agents", "users": [ANNA]}],
    }


def write_config(folder: Path, **learning: Any) -> Path:
    """Write the example settings with paths inside `folder` and a short retraining; returns their folder."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    (config / "templates.yaml").write_text(init.text("templates.yaml"), encoding="utf-8")
    settings = yaml.safe_load(init.text("softanswer.yaml"))
    settings["database"] = str(folder / "softanswer.db")
    settings["model"]["folder"] = str(folder / "models")
    settings["learning"] |= {"sample": 800, "threads": 2, **learning}
    settings["http"]["port"] = 0
    # In a demo people try one thing after another. With the default all that would be one conversation.
    settings["rules"]["conversation_s"] = 15
    (config / "softanswer.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return config

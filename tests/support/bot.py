"""What the bot of a test is built from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.pipeline.templates import Templates
from bot.settings import Tokens
from model.classifier import Classifier

TOKENS = Tokens("xoxb-sandbox", "xapp-sandbox", "sandbox-signing-secret")


@dataclass(frozen=True)
class Loaded:
    """What takes long to make and no test changes."""

    classifier: Classifier
    templates: Templates
    database: Path
    """An empty one, its tables created."""

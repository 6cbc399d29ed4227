"""An ordinary Bolt app as tutorials show it: one listener, inference inline, an SQLite insert, a reply. For comparison only.

    python bench/naive_bot.py [--seeds N] [--messages N] [--kills N] [--rate R]

The same random walk as `bench/chaos.py` (same seeds, same faults, killed as often), against this. Its books: every customer's
message should have exactly one reply in its thread.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))


def serve(folder: Path) -> None:
    """The bot."""
    from slack_bolt import App
    from slack_bolt.adapter.socket_mode import SocketModeHandler
    from slack_sdk import WebClient

    from model.classifier import Classifier
    from model.registry import SHIPPED

    api = os.environ["SLACK_API_URL"]
    app = App(
        client=WebClient(token=os.environ["SLACK_BOT_TOKEN"], base_url=api), token_verification_enabled=False
    )
    classifier = Classifier.load(SHIPPED, threads=1)

    @app.event("message")
    def answer(event: dict[str, Any], say: Any) -> None:
        if event.get("subtype") or event.get("bot_id"):
            return
        label = classifier.read([event["text"]])[0].label
        with sqlite3.connect(folder / "naive.db") as db:
            db.execute("create table if not exists messages (ts text, text text, label text)")
            db.execute("insert into messages values (?, ?, ?)", (event["ts"], event["text"], label))
        reply = (
            "I'm sorry to hear that, somebody will be with you."
            if label == "negative"
            else "Thanks for your message!"
        )
        say(text=reply, thread_ts=event.get("thread_ts") or event["ts"])

    web = WebClient(token=os.environ["SLACK_APP_TOKEN"], base_url=api)
    handler = SocketModeHandler(app, os.environ["SLACK_APP_TOKEN"], web_client=web)
    handler.connect()
    print("ready", flush=True)
    import threading

    threading.Event().wait()


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    given.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given.add_argument("--seeds", type=int, default=3)
    given.add_argument("--messages", type=int, default=510)
    given.add_argument("--kills", type=int, default=11)
    given.add_argument("--rate", type=float, default=0.02)
    options = given.parse_args()
    if options.serve:
        serve(options.serve)
        return 0
    from sandbox.faults import Rates

    print("| seed | messages | kills | without a reply | replies too many | replies in all |")
    print("|---|---|---|---|---|---|")
    for seed in range(1, options.seeds + 1):
        folder = Path(tempfile.mkdtemp(prefix="softanswer-naive-"))
        print(asyncio.run(_walk(seed, folder, options, Rates.all_at(options.rate))), flush=True)
        shutil.rmtree(folder)
    return 0


async def _walk(seed: int, folder: Path, options: argparse.Namespace, rates: Any) -> str:
    from bot.demo.workspace import HELP
    from sandbox.server import Sandbox
    from tests.support.chaos.walk import Walk
    from tests.support.processes import Mortal

    class Naive(Mortal):
        def start(self, point: str = "", nth: int = 0, skew: float = 0.0) -> bool:
            return self.launch([str(Path(__file__)), "--serve", str(self.folder)])

    class NaiveWalk(Walk):
        mortal = Naive

        async def _quiet(self, sandbox: Sandbox, within_s: float = 60.0) -> None:
            calm = 0
            while calm < 6:
                await asyncio.sleep(0.5)
                calm = calm + 1 if all(d.settled for d in list(sandbox.place.deliveries.all)) else 0

        def _check(self, sandbox: Sandbox, bot: Mortal) -> None:
            channel = sandbox.place.workspace.channels[HELP]
            self.replies = Counter(
                str(m.get("thread_ts")) for m in channel.messages.values() if m.get("bot_id")
            )
            roots = Counter(
                str(channel.messages[ts].get("thread_ts") or ts)
                for ts in self.written
                if ts in channel.messages
            )
            self.none = sum(max(0, n - self.replies[t]) for t, n in roots.items())
            self.twice = sum(max(0, self.replies[t] - n) for t, n in roots.items())

    walk = NaiveWalk(seed, folder, messages=options.messages, kills=options.kills, rates=rates)
    await walk.run()
    cells = (seed, len(walk.written), walk.books.kills, walk.none, walk.twice, sum(walk.replies.values()))
    return "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    sys.exit(main())

"""The command line. Each expected error is one line on stderr and exit code 2. Each command imports what it needs itself,
so that `classify` starts fast and never loads torch."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot import cli_learning
from model.errors import UserError

if TYPE_CHECKING:
    from bot.domain.message import Forgotten
    from bot.store import Store
    from model.classifier import Classifier


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code: 0 done, 1 the work failed, 2 an error that the user has to fix."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] and arguments[0] in ("train", "evaluate"):
        return _training(arguments)
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options) or 0)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except UserError as error:
        print(f"softanswer: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="softanswer", description="A Slack support bot that notices how customers feel."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, help_: str, function: Callable[[argparse.Namespace], Any], *, config: bool = True
    ) -> Any:
        sub = commands.add_parser(name, help=help_, description=help_)
        sub.set_defaults(command=function)
        if config:
            sub.add_argument(
                "--config", type=Path, default=Path("config"), metavar="DIR", help="default: %(default)s"
            )
        return sub

    demo = command("demo", "start a local Slack with the bot in it, and chat", _demo, config=False)
    demo.add_argument(
        "--script", action="store_true", help="play a whole story without a browser; exit 1 if a step fails"
    )
    demo.add_argument("--port", type=int, default=8089, help="where the page is served; default %(default)s")
    demo.add_argument("--keep", type=Path, metavar="DIR", help="keep the demo's settings and database here")
    command("init", "write the example settings into a folder", _init)
    command("check", "check settings, templates, tokens, channels and model", _check)
    command("run", "run the bot", _run)
    classify = command("classify", "read how a message feels", _classify)
    _text_arguments(classify)
    route = command("route", "find the template that matches a message best", _route)
    _text_arguments(route)
    templates = command("templates", "check templates.yaml", _templates)
    templates.add_argument("action", choices=["check"])
    cli_learning.add_to(command)
    backup = command("backup", "copy the database while the bot is stopped", _backup)
    backup.add_argument("file", type=Path)
    outbox = command(
        "outbox", "list what could not be sent, or have it tried again at the bot's next start", _outbox
    )
    outbox.add_argument("action", nargs="?", default="list", choices=["list", "retry"])
    forget = command(
        "forget", "erase the text of everything that a person wrote, while the bot is stopped", _forget
    )
    forget.add_argument("user", metavar="USER", help="a user id: U0123ABC")
    commands.add_parser("train", help="train a version from the corpus (see: softanswer train --help)")
    commands.add_parser(
        "evaluate", help="measure a version on labelled messages (see: softanswer evaluate --help)"
    )
    return parser


def _text_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="?", metavar="TEXT")
    parser.add_argument("--stdin", action="store_true", help="one message per line from standard input")
    parser.add_argument("--json", action="store_true", help="one JSON object per message")
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="a version folder; default: the active version"
    )


def _training(arguments: Sequence[str]) -> int:
    """Run training in its own process, as the bot's process never loads torch."""
    try:
        return subprocess.call([sys.executable, "-m", "training", *arguments])
    except KeyboardInterrupt:
        return 130


def _demo(options: argparse.Namespace) -> int:
    try:
        from bot.demo.run import main as demo
    except ModuleNotFoundError as error:
        from bot.settings import SettingsError

        raise SettingsError(
            f"demo needs {error.name}, which is not installed — pip install 'softanswer[cpu,train,sandbox]'"
        ) from None
    return demo(script=options.script, port=options.port, keep=options.keep)


def _init(options: argparse.Namespace) -> None:
    from bot.ops import init

    for path in init.write(options.config):
        print(f"wrote {path}")
    print("Next: edit softanswer.yaml, set SLACK_BOT_TOKEN and SLACK_APP_TOKEN, then: softanswer check")


def _check(options: argparse.Namespace) -> None:
    from bot.ops.check import check

    for line in asyncio.run(check(options.config)):
        print(line)
    print("Everything is fine. Start with: softanswer run")


def _run(options: argparse.Namespace) -> None:
    from bot.ops.run import run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(run(options.config, ready=lambda line: print(f"softanswer: {line}", flush=True)))


def _classify(options: argparse.Namespace) -> None:
    classifier = _classifier(options)
    for text in _texts(options):
        reading = classifier.read([text])[0]
        scores = (
            {label: round(score, 4) for label, score in reading.scores.items()} if reading.scores else None
        )
        if options.json:
            fields = {
                "text": text,
                "scored": reading.label is not None,
                "label": reading.label,
                "scores": scores,
            }
            reason = {} if reading.reason is None else {"reason": reading.reason}
            _print_json(fields | {"version": reading.version} | reason)
        elif reading.label is None:
            print(f"not scored ({reading.reason})  {text}")
        else:
            print(f"{reading.label} {reading.confidence:.0%}  {text}")


def _route(options: argparse.Namespace) -> None:
    from bot.pipeline.matching import Index
    from bot.pipeline.templates import load_templates
    from model.text import clean

    classifier = _classifier(options)
    index = Index(load_templates(options.config), classifier.embed, classifier.version)
    rules = _rules(options.config)
    for text in _texts(options):
        matches = index.nearest(classifier.embed([text])[0], clean(text))
        best, second = matches[0], matches[1] if len(matches) > 1 else None
        sure = best.similarity >= rules.match_threshold
        fields = {
            "text": text,
            "template": best.template if sure else None,
            "similarity": round(best.similarity, 4),
            "runner_up": second.template if second else None,
            "runner_up_similarity": round(second.similarity, 4) if second else None,
        }
        if options.json:
            _print_json(fields)
        else:
            print(f"{fields['template'] or 'no template'} {best.similarity:.2f}  {text}")


def _templates(options: argparse.Namespace) -> None:
    from bot.pipeline.templates import load_templates

    templates = load_templates(options.config)
    examples = sum(len(t.examples) for t in templates)
    print(
        f"{options.config / 'templates.yaml'}: {len(templates)} templates, {examples} examples, every wording renders"
    )


def _backup(options: argparse.Namespace) -> None:
    from bot.desk import cases
    from bot.settings import load_settings
    from bot.store import open_store

    store = open_store(load_settings(options.config).database, cases.apply)
    try:
        store.database.backup(options.file)
    finally:
        store.database.close()
    print(f"wrote {options.file}")


def _outbox(options: argparse.Namespace) -> None:
    import time

    from bot.desk import cases
    from bot.settings import load_settings
    from bot.store import open_store

    store = open_store(load_settings(options.config).database, cases.apply)
    try:
        if options.action == "retry":
            print(f"{asyncio.run(store.outbox.retry_failed(time.time()))} will be tried again")
            return
        for queued in asyncio.run(store.outbox.failed(limit=1000)):
            action = queued.action
            print(f"{queued.id}  {action.kind}  {action.channel or 'triage'}  {queued.error}")
    finally:
        store.database.close()


def _forget(options: argparse.Namespace) -> None:
    import shutil

    from bot.desk import cases
    from bot.learning.offline import RUNS
    from bot.settings import load_settings
    from bot.store import open_store

    settings = load_settings(options.config)
    store = open_store(settings.database, cases.apply)
    try:
        # We hold the database's lock, so no retraining runs. The files of a killed one may contain the text.
        shutil.rmtree(settings.model.folder / RUNS, ignore_errors=True)
        forgotten = asyncio.run(_forget_person(store, options.user))
    finally:
        store.database.close()
    print(f"erased the text of {forgotten.messages} messages of {options.user}")
    if forgotten.versions:
        versions = ", ".join(forgotten.versions)
        print(f"versions that had learned from some: {versions}; the next retraining is without them")


async def _forget_person(store: Store, user: str) -> Forgotten:
    """Erase in the same order as the running bot. At its next start the bot reloads the examples and updates the cards."""
    import time

    from bot.privacy.forgetting import Forgetting

    async def nothing_runs(why: str) -> bool:
        return False

    async def at_the_next_start() -> None:
        return None

    forgetting = Forgetting(
        store.erasure,
        interrupt=nothing_runs,
        reload_examples=at_the_next_start,
        committed=lambda: None,
        clock=time.time,
    )
    return await forgetting.person(await store.records.team(), user, "the command line")


def _classifier(options: argparse.Namespace) -> Classifier:
    """The version named with --model; else the active one if there are settings; else the shipped one."""
    from model.classifier import Classifier
    from model.registry import SHIPPED

    if options.model:
        return Classifier.load(options.model)
    if (options.config / "softanswer.yaml").exists():
        from bot.settings import load_settings
        from model.registry import Registry

        settings = load_settings(options.config)
        registry = Registry(settings.model.folder)
        return Classifier.load(
            registry.folder(registry.active()), device=settings.model.device, threads=settings.model.threads
        )
    return Classifier.load(SHIPPED)


def _rules(config: Path) -> Any:
    from bot.settings import RuleSettings, load_settings

    return load_settings(config).rules if (config / "softanswer.yaml").exists() else RuleSettings()


def _texts(options: argparse.Namespace) -> Iterable[str]:
    from bot.settings import SettingsError

    if options.stdin:
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
        return (line.rstrip("\n") for line in sys.stdin)
    if options.text is None:
        raise SettingsError("no text — give it as an argument, or lines with --stdin")
    return [options.text]


def _print_json(fields: dict[str, Any]) -> None:
    print(json.dumps(fields, ensure_ascii=False), flush=True)

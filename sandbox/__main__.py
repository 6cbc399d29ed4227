"""`python -m sandbox --port 8089 --seed FILE`: a local Slack until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from sandbox.server import DEFAULT_SEED, Sandbox, SeedError


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; 2 for a bad seed or a port that cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A local Slack.")
    parser.add_argument("--port", type=int, default=8089, help="0 for any free port (default 8089)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--seed", type=Path, help="workspace as JSON (default: a tiny one)")
    options = parser.parse_args(arguments)
    try:
        seed = DEFAULT_SEED if options.seed is None else _read(options.seed)
        sandbox = Sandbox(seed, host=options.host, port=options.port).start()
    except (SeedError, OSError, OverflowError) as slip:
        print(f"sandbox: {slip}", file=sys.stderr)
        return 2
    print(f"A local Slack at {sandbox.url}/  (SLACK_API_URL={sandbox.api_url})", flush=True)
    leave = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: leave.set())
    leave.wait()
    sandbox.stop()
    return 0


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as slip:
        raise SeedError(f"{path}: cannot be read ({slip.strerror})") from None
    except ValueError as slip:
        raise SeedError(f"{path}: not JSON ({slip})") from None


if __name__ == "__main__":
    sys.exit(main())

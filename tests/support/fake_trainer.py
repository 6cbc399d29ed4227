"""Stands in for `python -m training retrain`: same arguments, same output, a copy of the active version as candidate.

The first argument says how it goes: better, worse, broken (a candidate that does not load), unexported, dies, babbles, hangs.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from model.artefact_folder import read_manifest, write_manifest


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("how")
    for name in ("snapshot", "golden", "active", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("method", "threads", "device", "sample", "epochs"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--while-open", action="store_true")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.snapshot.read_text("utf-8").splitlines()]
    for stage in ("load", "embed", "train", "export", "evaluate", "gate"):
        step = {"stage": stage, "progress": 0.5, "epoch": 1, "loss": 0.4, "eta_s": 3}
        if stage == "train" or options.how.startswith("killed"):
            print(json.dumps(step), flush=True)
        if options.how == f"killed at {stage}":
            os.kill(os.getpid(), signal.SIGKILL)
    if options.how == "dies":
        print("softanswer training: the disk is full — make room", file=sys.stderr)
        return 1
    if options.how == "unexported":
        verdict = {"promote": False, "reasons": ["int8 differs from fp32"], "checks": [], "n": 0}
        print(
            json.dumps({"stage": "done", "candidate": None, "version": "v", "verdict": verdict}), flush=True
        )
        return 0
    if options.how == "babbles":
        print("this is not JSON", flush=True)
    if options.how == "hangs":
        time.sleep(600)

    version = f"taught-{len(rows)}-{options.how}"
    folder = options.out / version
    shutil.copytree(options.active, folder)
    (folder / "manifest.json").unlink(missing_ok=True)
    manifest = read_manifest(options.active)
    if options.how == "broken":
        (folder / "model.onnx").write_bytes(b"not a graph")
    write_manifest(
        folder, dataclasses.replace(manifest, version=version, created="2999-01-01T00:00:00+00:00")
    )
    promote = options.how != "worse"
    check = {
        "name": "macro-F1",
        "candidate": 0.9 if promote else 0.7,
        "active": 0.89,
        "limit": 0.88,
        "passed": promote,
        "digits": 3,
    }
    near = {
        "name": "time to read",
        "candidate": 1.2004,
        "active": None,
        "limit": 1.2,
        "passed": False,
        "digits": 4,
    }
    checks = [check] if promote else [check, near]
    reasons = ["macro-F1 rose from 0.890 to 0.900"] if promote else ["macro-F1 fell from 0.890 to 0.700"]
    verdict = {"promote": promote, "reasons": reasons, "checks": checks, "n": 840, "disagreement": 0.03}
    figures = {"macro_f1": check["candidate"], "low": check["candidate"] - 0.03, "high": 0.93}
    verdict |= {"n_live": 300, "live": {"candidate": figures, "active": figures | {"macro_f1": 0.89}}}
    worse = (
        []
        if promote
        else [{"message": None, "text": "No thanks & bye", "label": "neutral", "read": "negative"}]
    )
    print(
        json.dumps(
            {
                "stage": "done",
                "candidate": str(folder),
                "version": version,
                "verdict": verdict,
                "worse": worse,
            }
        ),
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

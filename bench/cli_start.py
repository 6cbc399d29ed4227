"""How long `softanswer classify` takes, start included, and whether torch is among what it imports.

python bench/cli_start.py
"""

from __future__ import annotations

import subprocess
import sys
import time

TEXT = "third time this week the export dies on me"


def main() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "bot", "classify", "--stdin", "--json"]
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        done = subprocess.run(command, input=TEXT, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - began)
    modules = [line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()]
    print(done.stdout.strip())
    print(f"seconds, five starts: {', '.join(f'{s:.2f}' for s in sorted(seconds))}")
    print(f"modules imported: {len(modules)}, of torch: {sum(m.split('.')[0] == 'torch' for m in modules)}")


if __name__ == "__main__":
    main()

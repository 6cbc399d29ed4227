"""The learning report: its words, its figures for the picture, and the picture."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bot.domain.learning import Report, Version, Week
from bot.learning.picture import NotDrawn, draw

FULL = Report(
    (
        Version("20261101T030000-aaaaaa", True, (0.81, 0.77, 0.85), 0.78, 210),
        Version("20261108T030000-bbbbbb", False, (0.80, 0.76, 0.84), 0.81, 260),
        Version("20261115T030000-cccccc", True, (0.86, 0.83, 0.89), 0.82, 300),
    ),
    (Week(1793577600.0, 30, 120), Week(1794182400.0, 12, 110), Week(1794787200.0, 0, 4)),
    {"card": 31, "question": 22, "reaction": 5},
)
EMPTY = Report((), (), {})


def test_it_says_what_the_picture_shows() -> None:
    text = FULL.text()
    assert "On 300 of your messages" in text and "macro-F1 0.860 (0.830 to 0.890)" in text and "0.820" in text
    assert "you corrected 0 of the 4 readings" in text
    assert "31 by card, 22 by label request, 5 by emoji" in text


def test_it_says_that_there_is_nothing_yet() -> None:
    assert EMPTY.text().count("yet") == 3


def test_the_facts_are_json_with_intervals() -> None:
    facts = json.loads(json.dumps(FULL.figures()))
    assert facts["versions"][0]["macro_f1"] == [0.81, 0.77, 0.85]
    assert facts["weeks"][2]["low"] == pytest.approx(0.0, abs=1e-9) and 0.4 < facts["weeks"][2]["high"] < 0.6
    assert facts["sources"]["emoji"] == 5


@pytest.mark.parametrize("report", [FULL, EMPTY], ids=["full", "empty"])
async def test_the_picture_is_a_png(report: Report) -> None:
    drawn = await draw(report.figures())
    assert drawn.startswith(b"\x89PNG\r\n") and len(drawn) > 5_000


async def test_what_cannot_be_drawn_says_why() -> None:
    with pytest.raises(NotDrawn, match="No module named"):
        await draw({}, (sys.executable, "-m", "there_is_no_such_module"))
    with pytest.raises(NotDrawn, match="status 3"):
        await draw({}, (sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(NotDrawn, match="No such file"):
        await draw({}, ("/there/is/no/such/program",))


def test_drawing_loads_no_torch() -> None:
    code = "import sys, training.__main__, training.figures; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

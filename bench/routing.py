"""How well the shipped templates are found: 48 paraphrases that have a template, 32 messages that have none.

    python bench/routing.py [--model DIR]

For each threshold (with the margin from the settings): answered right, answered wrong, offered as a choice that has the
right one, handed over. The cases were written by hand beside the templates, before the thresholds were chosen.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bot.pipeline.matching import Index
from bot.pipeline.templates import load_templates
from bot.settings import RuleSettings
from model.classifier import Classifier
from model.registry import SHIPPED
from model.text import clean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    options = parser.parse_args()
    here = Path(__file__).parent
    cases = [json.loads(line) for line in (here / "routing_cases.jsonl").read_text("utf-8").splitlines()]
    classifier = Classifier.load(options.model)
    index = Index(load_templates(here.parent / "config"), classifier.embed, classifier.version)
    texts = [clean(case["text"]) for case in cases]
    ranked = [index.nearest(*read) for read in zip(classifier.forward(texts)[1], texts, strict=True)]
    wanted = [case["template"] for case in cases]
    inside = sum(w is not None for w in wanted)
    first = sum(w == near[0].template for w, near in zip(wanted, ranked, strict=True) if w)
    print(
        f"{classifier.version}: {inside} cases with a template, the nearest is right for {first} ({first / inside:.0%})"
    )

    margin, clarify = RuleSettings().match_margin, RuleSettings().clarify_threshold
    print("threshold  right  wrong (of those with a template / without)  offered, right among them  rest")
    for hundredths in range(20, 55, 5):
        threshold = hundredths / 100
        right = wrong_inside = wrong_outside = offered = 0
        for want, near in zip(wanted, ranked, strict=True):
            sure = near[0].similarity >= threshold and near[0].similarity - near[1].similarity >= margin
            if sure and want is None:
                wrong_outside += 1
            elif sure:
                right += near[0].template == want
                wrong_inside += near[0].template != want
            elif want in [n.template for n in near[:3] if n.similarity >= clarify]:
                offered += 1
        rest = inside - right - wrong_inside - offered
        print(
            f"{threshold:>9.2f}  {right:>5}  {wrong_inside:>5} / {wrong_outside:<5}  {offered:>30}  {rest:>20}"
        )


if __name__ == "__main__":
    main()

"""LoRA against full fine-tuning on the corpus' dev split: quality, time, size of the weights.

    OMP_WAIT_POLICY=PASSIVE python bench/train_methods.py full:10:1e-4 lora:10:5e-4 [--seeds 1 2] [--routing FILE.jsonl]

A setting is METHOD:EPOCHS:LEARNING_RATE. Never looks at the holdout. With --routing, a file of `{"text", "intent"}`
lines (Banking77's training part), also the 10-shot routing of the trained encoder, before quantisation.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from route_few_shot import few_shot_accuracy
from tokenizers import Tokenizer

from training import base, dataset
from training.encoder import Encoder
from training.progress import Progress
from training.train import Config, predict_logits, train


class Quiet(Progress):
    def report(self, stage: str, progress: float, **fields: object) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("settings", nargs="+", metavar="METHOD:EPOCHS:LEARNING_RATE")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--routing", type=Path, metavar="FILE")
    given = parser.parse_args()

    found = base.resolve()
    tokenizer = Tokenizer.from_file(str(found.folder / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    tokenizer.no_padding()
    data = dataset.split(dataset.load(dataset.corpus_files()))

    def routing(encoder: Encoder) -> float | None:
        def embed(texts: list[str]) -> object:
            with torch.autocast("cpu", torch.bfloat16):
                return predict_logits(encoder, [tokenizer.encode(text).ids for text in texts])[1].numpy()

        return few_shot_accuracy(given.routing, embed)["routing"] if given.routing else None

    if given.routing:
        print(json.dumps({"setting": "base", "routing": routing(Encoder(found.folder))}), flush=True)
    for setting in given.settings:
        method, epochs, rate = setting.split(":")
        for seed in given.seeds:
            config = Config(method=method, epochs=int(epochs), learning_rate=float(rate), seed=seed)
            result = train(config, data, found, Quiet())
            figures = [epoch["dev_macro_f1"] for epoch in result.history]
            print(
                json.dumps(
                    {
                        "setting": setting,
                        "seed": seed,
                        "dev_macro_f1": round(max(figures), 4),
                        "by_epoch": [round(figure, 3) for figure in figures],
                        "seconds": round(result.seconds),
                        "trained_parameters": sum(w.numel() for w in result.weights.values()),
                        "weights_mb": round(sum(w.numel() for w in result.weights.values()) * 2 / 1e6, 1),
                        "routing": routing(result.encoder),
                    }
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()

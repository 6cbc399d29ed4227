"""bench/replicas.py trains many models at once; each must be the one that training.train would make."""

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra 'train' is not installed")

import torch
from tokenizers import Tokenizer

from training import base, dataset
from training.encoder import Encoder
from training.lessons import NONE
from training.progress import Progress
from training.train import Config, predict_logits, train

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import replicas

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(data: dataset.Split) -> dataset.Split:
    """Five messages of each class, one batch; eight to look at."""
    return dataset.Split([e for i in (0, 20, 40) for e in data.train[i : i + 5]], data.dev[:8], [])


def _dev_tokens(found: base.Base, data: dataset.Split) -> list[list[int]]:
    tokenizer = Tokenizer.from_file(str(found.folder / "tokenizer.json"))
    tokenizer.no_padding()
    return [tokenizer.encode(example.cleaned).ids for example in data.dev]


def test_a_replica_reads_as_the_encoder_does(found: base.Base, data: dataset.Split) -> None:
    encoder = Encoder(found.folder).eval()
    tokens = _dev_tokens(found, data)
    wanted = predict_logits(encoder, tokens)
    some = replicas.Replicas(encoder, 2, CPU)
    read = replicas._read(some, some.weights, tokens)
    for stacked, plain in zip(read, wanted, strict=True):
        for replica in stacked:
            torch.testing.assert_close(replica, plain, atol=1e-4, rtol=1e-4)


def test_a_replica_learns_what_the_recipe_learns(
    found: base.Base, data: dataset.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without chance: no dropout, no hidden tokens, no changed texts, and one batch an epoch.
    monkeypatch.setattr(replicas, "DROPOUT", 0.0)
    monkeypatch.setattr(Encoder, "train", lambda self, mode=True: torch.nn.Module.train(self, False))
    monkeypatch.setattr("training.train.reduced_precision", lambda *_: contextlib.nullcontext())
    config = Config(epochs=2, threads=1, device="cpu", masked=0.0, augmented=0.0, keep="last")
    made = train(config, data, found, Progress(3600), lessons=NONE)
    wanted = predict_logits(made.encoder, _dev_tokens(found, data))[0]
    variants = [replicas.Variant(masked=0.0), replicas.Variant(masked=0.0, rate=4e-4)]
    outcome = replicas.train(variants, [1, 2], data, NONE, found, CPU, config)
    assert [len(epochs) for epochs in outcome] == [2, 2]
    for logits in outcome[0][-1]:  # both seeds, for nothing was left to chance, and their mean
        torch.testing.assert_close(logits, wanted, atol=2e-3, rtol=1e-3)
    assert not torch.allclose(outcome[1][-1][0], wanted, atol=1e-3)


def test_every_variant_differs_from_the_plain_recipe(
    found: base.Base, data: dataset.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "DROPOUT", 0.0)
    names = ["plain", "plain", "floor=0.5,masked=0.5", "average=0.5", "focal=1,balanced=1", "contrast=0.1,mixup=0.5",
             "fgm=1", "top=3,meaning=0", "layer_decay=0.5,smoothing=0"]  # fmt: skip
    lessons = replace(NONE, transfer=[("still nothing", (1.0, 0.0, -1.0))] * 4)
    config = Config(epochs=1, threads=1, transfer=1.0, batch_size=8)
    uneven = replace(data, train=data.train[:12])
    outcome = replicas.train([replicas._variant(n) for n in names], [1], uneven, lessons, found, CPU, config)
    plain = outcome[0][0][0]
    same = [
        n for n, epochs in zip(names, outcome, strict=True) if torch.allclose(epochs[0][0], plain, atol=1e-5)
    ]
    assert same == ["plain", "plain"]
    line = replicas._line("fgm=1", outcome[6], outcome[0], uneven)
    assert line["variant"] == "fgm=1" and 0 <= line["dev"] <= 1 and line["error"] is None

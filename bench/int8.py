"""What int8 costs: the shipped graph against its weights in fp32, on the corpus' holdout.

python bench/int8.py [--model DIR]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from model.artefact_folder import TOKENIZER
from model.classifier import Classifier, load_tokenizer
from model.reading import LABELS
from model.registry import SHIPPED
from training import base, dataset
from training.candidate import restore
from training.metrics import scores
from training.train import predict_logits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, default=SHIPPED)
    given = parser.parse_args()
    classifier = Classifier.load(given.model, threads=2)
    examples = dataset.split(dataset.load(dataset.corpus_files())).holdout
    texts, gold = [e.cleaned for e in examples], [e.label for e in examples]
    int8, embeddings = classifier.forward(texts)

    encoder = restore(given.model, classifier.manifest, base.resolve())
    tokenizer = load_tokenizer(given.model / TOKENIZER)
    tokenizer.enable_truncation(classifier.manifest.max_length)
    tokenizer.no_padding()
    logits, base_embeddings = predict_logits(encoder, [tokenizer.encode(text).ids for text in texts])
    fp32 = logits.numpy()
    figures = {
        name: round(scores(gold, [LABELS[i] for i in of.argmax(1)])["macro_f1"], 4)
        for name, of in (("fp32", fp32), ("int8", int8))
    }
    agreement = float(np.mean(int8.argmax(1) == fp32.argmax(1)))
    cosine = float((embeddings * base_embeddings.numpy()).sum(1).mean())
    print(
        json.dumps(
            {"version": classifier.version, "n": len(gold), **figures}
            | {"same_label": round(agreement, 4), "embedding_cosine": round(cosine, 4)}
        )
    )


if __name__ == "__main__":
    main()

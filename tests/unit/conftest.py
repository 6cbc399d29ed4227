"""What the tests of training share: the base model, and as little data as a run takes."""

from collections.abc import Iterator

import pytest

from model.reading import LABELS
from training import base, dataset, distillation


@pytest.fixture
def untaught() -> Iterator[None]:
    """A dozen messages are no match for the teacher's thousands of texts; what it teaches has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distillation, "load", lambda *_, **__: distillation.NONE)
        yield


@pytest.fixture(scope="module")
def found() -> base.Base:
    return base.resolve()


@pytest.fixture(scope="module")
def data() -> dataset.Split:
    """20 messages of each class to learn from, 20 to choose by, 20 to judge by."""
    corpus = dataset.split(dataset.load(dataset.corpus_files()))
    by_label = [e for label in LABELS for e in [x for x in corpus.train if x.label == label][:20]]
    return dataset.Split(by_label, corpus.dev[:20], corpus.holdout[:20])

"""Write model/english_words.txt: the words that occur in two or more messages of the corpus' training part.

python bench/english_words.py
"""

from __future__ import annotations

from collections import Counter

from model.language import ENGLISH_WORDS, WORD
from training import dataset

# Customers have them in names and addresses, or borrow them for a word of thanks; they do not make a message English.
NOT_ENGLISH = {
    "com", "da", "das", "de", "del", "der", "el", "em", "en", "est", "et", "il", "la", "las", "le", "les", "los",
    "mila", "non", "se", "un", "una", "une", "und", "y",
    "beaucoup", "danke", "dobra", "gracias", "grazie", "hola", "kunde", "merci", "obrigada", "obrigado", "yaar",
}  # fmt: skip


def main() -> None:
    messages = dataset.split(dataset.load(dataset.corpus_files())).train
    counts = Counter(
        word
        for message in messages
        for word in {w.replace("’", "'").lower() for w in WORD.findall(message.cleaned)}
        if word.isascii()
    )
    words = sorted(word for word, count in counts.items() if count >= 2 and word not in NOT_ENGLISH)
    ENGLISH_WORDS.write_text("\n".join(words) + "\n", "utf-8")
    print(f"{ENGLISH_WORDS.name}: {len(words)} words of {len(messages)} messages")


if __name__ == "__main__":
    main()

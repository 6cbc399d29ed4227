import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.text import KEPT, clean, not_scored_reason


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<@U1> can you look?", "someone can you look?"),
        ("<@U1|ann> can you look?", "ann can you look?"),
        ("see <#C1|general> and <#C2>", "see general and channel"),
        ("the <https://a.example/b|docs page> lies", "the docs page lies"),
        ("read <https://a.example/b>", "read link"),
        ("read <http://a.example|a.example>", "read link"),
        ("read https://a.example/b?c=d now", "read link now"),
        ("write <mailto:a@b.example|a@b.example>", "write link"),
        ("<!here> it is down", "everyone it is down"),
        ("<!subteam^S1|@ops> it is down", "ops it is down"),
        ("due <!date^1392734382^{date}|18 Feb>", "due 18 Feb"),
        ("due <!date^1392734382^{date}>", "due"),
        ("a <b> c", "a <b> c"),
        ("fish &amp; chips &lt;3", "fish & chips love heart"),
        (":(", "disappointed"),
        ("&gt;:( again", "angry again"),
        (">:(", "angry"),
        ("&gt;_&lt;", "struggling"),
        ("&gt; :( you said\nwell", "well"),
        (":'( gone", "crying gone"),
        ("it is gone:((((", "it is gone disappointed"),
        ("fixed :):)", "fixed slight smile slight smile"),
        (":-) ;) :D xD ^^ T_T", "slight smile wink happy smile laughing happy smile crying loudly"),
        ("hm :/ :| :p :o", "hm confused blank face stuck out tongue surprised"),
        ("&lt;/3 bye", "broken heart bye"),
        ("C:/ is 4:3, D: is x=] f(x):(1)", "C:/ is 4:3, D: is x=] f(x):(1)"),
        ("run `rm -rf` and ```\npanic\n``` ok", "run and ok"),
        ("&gt; you said\nand I say", "and I say"),
        ("> you said\nand I say", "and I say"),
        ("mine\n&gt;&gt;&gt; all of\nthis is yours", "mine"),
        ("more &gt; less", "more > less"),
        ("*really* _very_ ~not~ snake_case", "really very not snake_case"),
        ("yay :tada: 🎉", "yay celebration celebration"),
        ("hm :acme-logo: 📎", "hm acme logo paperclip"),
        (":+1::skin-tone-2: 👍🏽", "thumbs up thumbs up"),
        ("it died at 10:30:45", "it died at 10:30:45"),
        ("a\u200bb\x00c\ud800d\u202e", "abcd"),
        ("ＷＨＹ  is\n\tthis", "WHY is this"),
    ],
)
def test_clean_leaves_plain_words(raw: str, expected: str) -> None:
    assert clean(raw) == expected


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "empty"),
        (" \n\t\u200b", "empty"),
        ("```\nTraceback\n```", "only code"),
        ("`x`", "only code"),
        ("&gt; you said", "only a quote"),
        ("<!date^1392734382^{date}>", "empty"),
        ("<https://a.example>", "only a link"),
        ("https://a.example, https://b.example", "only a link"),
        ("<@U1>", "only a mention"),
        ("📎 :acme-logo:", "only emoji"),
        ("привет, как дела?", "other language"),
        ("导出又失败了", "other language"),
        ("شكرا جزيلا", "other language"),
        ("Grüße aus Köln", "other language"),
    ],
)
def test_what_cannot_be_read_is_not_scored(raw: str, reason: str) -> None:
    assert not_scored_reason(clean(raw), raw) == reason


@pytest.mark.parametrize(
    "raw",
    [
        "thx",
        "wtf",
        "pls fix",
        "k",
        "???",
        "ok, done",
        "👍",
        ":tada:",
        ":-1: again",
        "504",
        "Köln office",
        "naïve",
        "see <https://a.example|the broken page>",
        "<@U1> help",
        "pls 🙏",
        ":(",
        ">:(",
        "&gt;:(",
        "<@U1> :/",
        "xD",
        "it says `500` again",
        "Müller & Söhne",
    ],
)
def test_short_english_is_scored(raw: str) -> None:
    assert not_scored_reason(clean(raw), raw) is None


@given(st.text(max_size=300) | st.text(alphabet="<>@#!|`:&gt;_*~\n httpsw./", max_size=300))
def test_clean_holds_its_promises_for_any_text(raw: str) -> None:
    cleaned = clean(raw)
    assert cleaned == " ".join(cleaned.split())
    assert len(cleaned) <= KEPT
    assert all(
        character.isprintable() or character.isspace() or ord(character) > 0x9F for character in cleaned
    )
    cleaned.encode("utf-8")
    reason = not_scored_reason(cleaned, raw)
    assert cleaned or reason


@pytest.mark.parametrize(
    "unit", ["`", "<", ":a", "&gt;", "```a", "*_", "\n>", "www.", "a", ":", "<@", "&#1", "ﷺ"]
)
def test_forty_thousand_characters_take_no_time(unit: str) -> None:
    raw = unit * (40_000 // len(unit))
    began = time.perf_counter()
    cleaned = clean(raw)
    not_scored_reason(cleaned, raw)
    assert time.perf_counter() - began < 1
    assert len(cleaned) <= KEPT

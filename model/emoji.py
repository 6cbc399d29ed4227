"""Emoji as words. The tokenizer knows almost no emoji (they become [UNK]), but it knows their names.

Slack sends `:tada:`, other sources send the character, and some people type `:(`; all become the same words.
"""

from __future__ import annotations

import re
import unicodedata

# Emoji with a feeling or an answer: character, Slack's short names, words.
_MEANINGFUL = """
😀 grinning | happy grin
😃 smiley | happy smile
😄 smile | happy smile
😁 grin | happy grin
😆 laughing satisfied | laughing
😂 joy | laughing with tears
🤣 rolling_on_the_floor_laughing rofl | laughing out loud
😅 sweat_smile | nervous smile
😊 blush | warm smile
☺ relaxed | warm smile
🙂 slightly_smiling_face | slight smile
🙃 upside_down_face | ironic upside down smile
😉 wink | wink
😍 heart_eyes | love
😘 kissing_heart | kiss
🥰 smiling_face_with_3_hearts | love
🤩 star-struck | thrilled
🥳 partying_face | party celebration
😎 sunglasses | cool
😌 relieved | relieved
🤗 hugging_face hugs | hug
🥲 smiling_face_with_tear | smile with a tear
😏 smirk | smirk
😛 stuck_out_tongue | stuck out tongue
😐 neutral_face | blank face
😑 expressionless | annoyed blank face
😒 unamused | unamused
🙄 face_with_rolling_eyes rolling_eyes roll_eyes | rolling eyes
😬 grimacing | grimace
🤔 thinking_face thinking | thinking
🤨 face_with_raised_eyebrow raised_eyebrow | sceptical
😕 confused | confused
🙁 slightly_frowning_face | sad frown
☹ white_frowning_face frowning_face | sad frown
😞 disappointed | disappointed
😔 pensive | sad
😟 worried | worried
😢 cry | crying
😭 sob | crying loudly
😩 weary | weary
😫 tired_face | exhausted
😖 confounded | upset
😣 persevere | struggling
😤 triumph | huffing with anger
😠 angry | angry
😡 rage pout | furious
🤬 face_with_symbols_on_mouth cursing_face | swearing
🤯 exploding_head | mind blown
😱 scream | screaming in fear
😨 fearful | fear
😰 cold_sweat | anxious
😮 open_mouth | surprised
😵 dizzy_face | dizzy
🤡 clown_face | clown
💀 skull | dead
👻 ghost | ghost
💩 hankey poop shit | crap
🤦 facepalm face_palm man-facepalming woman-facepalming | facepalm
🤷 shrug man-shrugging woman-shrugging | shrug
🙈 see_no_evil | embarrassed monkey
👍 +1 thumbsup | thumbs up
👎 -1 thumbsdown | thumbs down
👌 ok_hand | okay
🙏 pray | please thank you
👏 clap | applause
🙌 raised_hands | hooray
💪 muscle | strong
🤝 handshake | handshake
👋 wave | hello wave
🤞 crossed_fingers | fingers crossed
🫡 saluting_face | salute
🖕 middle_finger | middle finger
❤ heart | love heart
🧡 orange_heart | love heart
💛 yellow_heart | love heart
💚 green_heart | love heart
💙 blue_heart | love heart
💜 purple_heart | love heart
💔 broken_heart | broken heart
💯 100 | one hundred percent
🎉 tada | celebration
🎊 confetti_ball | celebration
✨ sparkles | sparkles
⭐ star | star
🌟 star2 | star
🏆 trophy | trophy
💐 bouquet | flowers
🔥 fire | fire
🚀 rocket | rocket
💥 boom collision | explosion
🆘 sos | help emergency
🚨 rotating_light | emergency
✅ white_check_mark | done check
✔ heavy_check_mark | done check
❌ x | cross no
⏳ hourglass_flowing_sand | waiting
⌛ hourglass | waiting
🐌 snail | slow snail
🗑 wastebasket | rubbish bin
💸 money_with_wings | money lost
😴 sleeping | asleep
💤 zzz | asleep
"""

# Typed faces and hearts, and their short names; Slack's composer converts most of them in the same way.
_TYPED = {
    r">[:=]['-]?[(/|@]+": "angry",
    r"[:=]['´`]-?\(+": "cry",
    r"[:=]['´`]-?\)+": "joy",
    r"[:=]-?\(+|:-?\[+": "disappointed",
    r"[:=]-?\)+|:-?\]+": "slightly_smiling_face",
    r";-?\)+": "wink",
    r"[:=]-?D+|\^[_.-]?\^": "smile",
    r"[xX]D+": "laughing",
    r":-?[/\\]": "confused",
    r":-?[|]": "neutral_face",
    r":-?[pP]": "stuck_out_tongue",
    r":-?[oO]": "open_mouth",
    r"-[_.]+-": "expressionless",
    r">[_.]+<": "persevere",
    r"T[_.]+T": "sob",
    r"</3+": "broken_heart",
    r"<3+": "heart",
}

_BY_CODE: dict[str, str] = {}
_BY_CHARACTER: dict[str, str] = {}
for _line in _MEANINGFUL.strip().splitlines():
    _left, _words = _line.split(" | ")
    _character, *_codes = _left.split()
    _BY_CHARACTER[_character] = _words
    for _code in _codes:
        _BY_CODE[_code] = _words

# A short name has a letter, or is one of three without; clock times (10:30:45) are no short names.
_CODE = re.compile(r"(?<!\w):([+-]1|100|[a-z0-9_'+-]{0,40}[a-z][a-z0-9_'+-]{0,60}):(?!\w)")
# A round mouth may follow a word ("broken:("); all others stand alone, or "C:/" and "4:3" would be faces.
_FACE = re.compile(
    r"(?:(?<!\S)|(?<=[a-z!?.()])(?=[:;]['-]?[()]))(?:"
    + "|".join(f"({face})" for face in _TYPED)
    + r")(?=[\s.,!?):]|$)"
)
_SKIN_TONE = re.compile(r"(?<!\w):skin-tone-[2-6]:|[\U0001f3fb-\U0001f3ff]")
_CHARACTER = re.compile("[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]")


def typed_to_codes(text: str) -> str:
    """Replace every typed face (`:(`, `<3`) by its `:code:`, with spaces around it."""
    codes = list(_TYPED.values())
    return _FACE.sub(lambda match: f" :{codes[(match.lastindex or 1) - 1]}: ", text)


def to_words(text: str) -> str:
    """Replace every emoji and `:code:` by words, with spaces around them."""
    text = _SKIN_TONE.sub(" ", text)
    text = _CODE.sub(lambda match: f" {_BY_CODE.get(match[1]) or _spoken(match[1])} ", text)
    return _CHARACTER.sub(lambda match: f" {_BY_CHARACTER.get(match[0]) or _name(match[0])} ", text)


def without_meaningless(text: str) -> str:
    """`text` without the emoji and `:codes:` without a feeling (📎, `:acme-logo:`)."""
    text = _SKIN_TONE.sub(" ", text)
    text = _CODE.sub(lambda match: match[0] if match[1] in _BY_CODE else " ", text)
    return _CHARACTER.sub(lambda match: match[0] if match[0] in _BY_CHARACTER else " ", text)


def without(text: str) -> str:
    """`text` without any emoji and `:codes:`."""
    return _CHARACTER.sub(" ", _CODE.sub(" ", _SKIN_TONE.sub(" ", text)))


def _spoken(code: str) -> str:
    return code.replace("_", " ").replace("-", " ")


def _name(character: str) -> str:
    return unicodedata.name(character, "").lower()

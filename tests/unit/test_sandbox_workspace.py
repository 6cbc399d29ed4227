"""The workspace's own rules: time stamps, threads, reactions, seeds and typed text."""

import copy

import pytest

from sandbox import seed as seeds
from sandbox.typed_text import escape_stray, typed
from sandbox.workspace import SlackError, Workspace

SEED = {
    **seeds.DEFAULT_SEED,
    "users": [
        {"id": "U0ANNA", "name": "anna", "tz": "Europe/Berlin"},
        {"id": "U0CARLA", "name": "carla"},
        {"id": "U0SPARK", "name": "spark", "is_bot": True},
    ],
    "channels": [
        {
            "id": "C0HELP",
            "name": "help",
            "members": ["U0ANNA", "U0CARLA", "U0BOT"],
            "history": [
                {"user": "U0CARLA", "text": "later", "minutes_ago": 10},
                {
                    "user": "U0CARLA",
                    "text": "first",
                    "minutes_ago": 90,
                    "thread": [{"user": "U0ANNA", "text": "reply", "minutes_ago": 5}],
                },
            ],
        }
    ],
    "usergroups": [{"id": "S0AGENTS", "handle": "agents", "users": ["U0ANNA"]}],
}


@pytest.fixture
def workspace():
    seeds.check(SEED)
    made = Workspace(copy.deepcopy(SEED), now=lambda: 1764000000.0)
    seeds.write_history(made, SEED)
    return made


def test_time_stamps_grow_even_when_the_clock_stands(workspace):
    stamps = [workspace.next_ts() for _ in range(100)]
    assert stamps == sorted(set(stamps))
    assert stamps[0] == "1764000000.000000"


def test_history_is_written_at_its_time_with_its_threads(workspace):
    channel = workspace.channels["C0HELP"]
    texts = [message["text"] for _, message in sorted(channel.messages.items())]
    assert texts == ["first", "later", "reply"]
    root = next(m for m in channel.messages.values() if m["text"] == "first")
    assert float(root["ts"]) == pytest.approx(1764000000 - 90 * 60, abs=1)
    assert root["reply_count"] == 1
    assert [m["text"] for m in channel.thread(root["ts"])] == ["first", "reply"]


def test_a_reply_to_a_reply_belongs_to_the_root(workspace):
    channel = workspace.channels["C0HELP"]
    reply = next(m for m in channel.messages.values() if m["text"] == "reply")
    answer = workspace.post(channel, workspace.author("U0CARLA"), "thanks", thread_ts=reply["ts"])
    assert answer["thread_ts"] == reply["thread_ts"]
    assert channel.messages[reply["thread_ts"]]["reply_count"] == 2
    workspace.delete(channel, answer["ts"])
    assert channel.messages[reply["thread_ts"]]["reply_count"] == 1


def test_a_deleted_root_leaves_a_tombstone_and_a_deleted_last_reply_none(workspace):
    channel = workspace.channels["C0HELP"]
    root = next(m for m in channel.messages.values() if m["text"] == "first")
    workspace.delete(channel, root["ts"])
    assert channel.messages[root["ts"]]["subtype"] == "tombstone"
    assert channel.messages[root["ts"]]["reply_count"] == 1
    with pytest.raises(SlackError, match="cannot_reply_to_message"):
        workspace.post(channel, workspace.author("U0ANNA"), "x", thread_ts="1.000000")


def test_a_person_reacts_once(workspace):
    channel = workspace.channels["C0HELP"]
    ts = next(iter(channel.messages))
    workspace.react(channel, ts, "U0ANNA", "eyes")
    with pytest.raises(SlackError, match="already_reacted"):
        workspace.react(channel, ts, "U0ANNA", "eyes")
    workspace.react(channel, ts, "U0CARLA", "eyes")
    assert channel.messages[ts]["reactions"] == [{"name": "eyes", "users": ["U0ANNA", "U0CARLA"], "count": 2}]
    workspace.unreact(channel, ts, "U0ANNA", "eyes")
    workspace.unreact(channel, ts, "U0CARLA", "eyes")
    assert "reactions" not in channel.messages[ts]
    with pytest.raises(SlackError, match="no_reaction"):
        workspace.unreact(channel, ts, "U0CARLA", "eyes")


def test_a_direct_message_is_made_once(workspace):
    assert workspace.direct(["U0ANNA", "U0BOT"]) is workspace.direct(["U0BOT", "U0ANNA"])
    assert workspace.direct(["U0ANNA", "U0BOT"]).kind == "im"
    assert workspace.direct(["U0ANNA", "U0CARLA", "U0BOT"]).kind == "mpim"
    assert workspace.channel("U0ANNA").id == "D0ANNA"
    assert workspace.channel("#help").id == "C0HELP"


def test_another_bot_writes_as_a_bot(workspace):
    assert workspace.author("U0SPARK") == {
        "subtype": "bot_message",
        "bot_id": "B0SPARK",
        "username": "spark",
    }


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("hey @carla.", "hey <@U0CARLA>."),
        ("hey <@U0CARLA>", "hey <@U0CARLA>"),
        ("hey <@U0NOBODY>", "hey &lt;@U0NOBODY&gt;"),
        ("mail anna@carla.org", "mail anna@carla.org"),
        ("see #help", "see <#C0HELP|help>"),
        ("issue #17 & #nope", "issue #17 &amp; #nope"),
        ("@agents please", "<!subteam^S0AGENTS> please"),
        ("@channel look", "<!channel> look"),
        ("<!channel> look", "&lt;!channel&gt; look"),
        ("&amp; stays typed", "&amp;amp; stays typed"),
        ("see https://a.org/?x=1&y=2.", "see <https://a.org/?x=1&amp;y=2>."),
    ],
)
def test_typed_text_is_escaped_and_mentions_become_entities(workspace, text, stored):
    assert typed(text, workspace) == stored


def test_commands_name_their_mentions(workspace):
    assert typed("forget @carla", workspace, named=True) == "forget <@U0CARLA|carla>"


def test_what_an_app_sends_keeps_its_entities():
    text = "<@U1> & <https://a.org|a> <!here> 1 < 2 &amp; <b>"
    assert escape_stray(text) == "<@U1> &amp; <https://a.org|a> <!here> 1 &lt; 2 &amp; &lt;b&gt;"


def broken(**changes):
    return {**SEED, **changes}


@pytest.mark.parametrize(
    ("seed", "complaint"),
    [
        ([], "must be a JSON object"),
        (broken(team=None), "team: missing"),
        (broken(app={**SEED["app"], "bot_token": 7}), "app.bot_token: missing or not a text"),
        (broken(users=[]), "users: must be a list"),
        (broken(users=[*SEED["users"], SEED["users"][0]]), "users: the id U0ANNA occurs twice"),
        (broken(channels=["help"]), r"channels\[0\]: must be an object"),
        (broken(channels=[{"id": "C1", "name": "x", "members": ["U0GHOST"]}]), "there is no user U0GHOST"),
        (broken(channels=[{"id": "C1", "name": "x", "history": [{"user": "U0ANNA"}]}]), "user and text"),
        (broken(usergroups=[{"id": "S1", "handle": "h", "users": ["U0GHOST"]}]), "there is no user U0GHOST"),
    ],
)
def test_a_bad_seed_says_where(seed, complaint):
    with pytest.raises(seeds.SeedError, match=complaint):
        seeds.check(seed)

"""The Web API answers Slack's own client, and refuses in Slack's own shapes."""

import time

import httpx
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from sandbox.server import DEFAULT_SEED, Sandbox, Settings

CHANNEL = "C0GENERAL"
SEED = {
    **DEFAULT_SEED,
    "users": [
        *DEFAULT_SEED["users"],
        {"id": "U0BEN", "name": "ben", "title": "Agent", "email": "ben@example.org"},
    ],
    "channels": [
        {"id": CHANNEL, "name": "general", "topic": "All", "members": ["U0ANNA", "U0BOT"]},
        {"id": "C0OPEN", "name": "open", "members": ["U0ANNA"]},
        {"id": "G0SECRET", "name": "secret", "is_private": True, "members": ["U0BEN"]},
    ],
    "usergroups": [{"id": "S0AGENTS", "handle": "agents", "users": ["U0BEN"]}],
}


class Clock:
    """The time, which a test may move on."""

    ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


@pytest.fixture(scope="module")
def clock():
    return Clock()


@pytest.fixture(scope="module")
def sandbox(clock):
    with Sandbox(SEED, settings=Settings(now=clock)) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox):
    return WebClient(token=sandbox.bot_token, base_url=sandbox.api_url, retry_handlers=[])


@pytest.fixture(scope="module")
def http(sandbox):
    with httpx.Client(base_url=sandbox.url) as opened:
        yield opened


def refused(call, **arguments):
    with pytest.raises(SlackApiError) as refusal:
        call(**arguments)
    assert refusal.value.response.status_code == 200
    return refusal.value.response["error"]


@pytest.mark.parametrize(
    ("headers", "body", "error"),
    [
        ({}, {}, "not_authed"),
        ({"Authorization": "Bearer xoxb-wrong"}, {}, "invalid_auth"),
        ({}, {"token": "xoxb-wrong"}, "invalid_auth"),
        ({"Authorization": "Bearer xapp-sandbox"}, {}, "not_allowed_token_type"),
    ],
)
def test_tokens_are_checked(http, headers, body, error):
    answer = http.post("/api/auth.test", data=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"ok": False, "error": error})


def test_a_token_is_taken_from_header_form_query_and_json(http, sandbox):
    token = sandbox.bot_token
    answers = [
        http.post("/api/auth.test", headers={"Authorization": f"Bearer {token}"}),
        http.post("/api/auth.test", data={"token": token}),
        http.get("/api/auth.test", params={"token": token}),
        http.post("/api/auth.test", json={"token": token}),
    ]
    assert [answer.json()["user_id"] for answer in answers] == ["U0BOT"] * 4
    calls = http.get("/sandbox/calls").json()
    assert calls[-1]["method"] == "auth.test"
    assert calls[-1]["token_ok"] is True
    assert token not in str(calls)


def test_sockets_need_the_app_token(client, sandbox):
    assert refused(client.apps_connections_open, app_token=sandbox.bot_token) == "not_allowed_token_type"
    assert client.apps_connections_open(app_token=sandbox.app_token)["url"].startswith("ws://127.0.0.1:")


def test_unknown_methods_and_broken_json(client, http):
    assert refused(client.api_call, api_method="chat.scream") == "unknown_method"
    headers = {"Content-Type": "application/json"}
    assert http.post("/api/api.test", content="{", headers=headers).json()["error"] == "invalid_json"
    assert http.post("/api/api.test", content="[]", headers=headers).json()["error"] == "json_not_object"


def test_posts_are_refused_for_slacks_reasons(client):
    def post(**arguments):
        return refused(client.chat_postMessage, **arguments)

    assert post(channel="C0NOWHERE", text="x") == "channel_not_found"
    assert post(channel="G0SECRET", text="x") == "channel_not_found"
    assert post(channel="C0OPEN", text="x") == "not_in_channel"
    assert post(channel=CHANNEL, text="x" * 40_001) == "msg_too_long"
    assert post(channel=CHANNEL, text="x", blocks="{") == "invalid_blocks_format"
    assert post(channel=CHANNEL, text="x", blocks=[{"type": "carpet"}]) == "invalid_blocks"
    assert post(channel=CHANNEL, text="x", thread_ts="1.000000") == "cannot_reply_to_message"
    assert refused(client.api_call, api_method="chat.postMessage", json={"channel": CHANNEL}) == "no_text"
    with pytest.raises(SlackApiError) as missing:
        client.api_call("chat.postMessage", json={"text": "x"})
    assert missing.value.response["error"] == "invalid_arguments"
    assert missing.value.response["response_metadata"]["messages"] == [
        "[ERROR] missing required field: channel"
    ]


def test_only_own_messages_can_be_changed(client, http):
    said = http.post("/person/U0ANNA/say", json={"channel": CHANNEL, "text": "mine"}).json()["ts"]
    assert refused(client.chat_update, channel=CHANNEL, ts=said, text="x") == "cant_update_message"
    assert refused(client.chat_delete, channel=CHANNEL, ts=said) == "cant_delete_message"
    assert refused(client.chat_update, channel=CHANNEL, ts="1.0", text="x") == "message_not_found"


def test_an_update_keeps_what_it_does_not_name(client):
    divider = [{"type": "divider"}]
    ts = client.chat_postMessage(channel=CHANNEL, text="one", blocks=divider)["ts"]
    updated = client.chat_update(channel=CHANNEL, ts=ts, text="two")["message"]
    assert (updated["text"], len(updated["blocks"])) == ("two", 1)
    assert "edited" in updated
    emptied = client.chat_update(channel=CHANNEL, ts=ts, text="three", blocks=[])["message"]
    assert "blocks" not in emptied
    client.chat_delete(channel=CHANNEL, ts=ts)
    assert refused(client.chat_delete, channel=CHANNEL, ts=ts) == "message_not_found"


def test_metadata_comes_back_only_on_request(client, http):
    metadata = {"event_type": "answered", "event_payload": {"id": 7}}
    ts = client.chat_postMessage(channel=CHANNEL, text="root", metadata=metadata)["ts"]
    reply = client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=ts, metadata=metadata)["ts"]
    messages = client.conversations_replies(channel=CHANNEL, ts=ts)["messages"]
    assert not any("metadata" in message for message in messages)
    for ask in (ts, reply):
        answer = client.conversations_replies(channel=CHANNEL, ts=ask, include_all_metadata=True)
        assert [message["metadata"] for message in answer["messages"]] == [metadata, metadata]
    state = http.get("/person/U0ANNA/state").json()
    assert not any("metadata" in message for message in state["messages"][CHANNEL])
    broken = {"event_type": "answered"}
    assert refused(client.chat_postMessage, channel=CHANNEL, text="x", metadata=broken) == (
        "invalid_metadata_schema"
    )


def test_history_is_paged_newest_first_without_replies(client):
    sent = [client.chat_postMessage(channel=CHANNEL, text=f"page {n}")["ts"] for n in range(5)]
    client.chat_postMessage(channel=CHANNEL, text="hidden in the thread", thread_ts=sent[0])
    since = f"{float(sent[0]) - 0.000001:.6f}"
    # A response iterates over its pages by changing into the next one: look at each while it is there.
    pages = [
        ([m["ts"] for m in page["messages"]], page["has_more"])
        for page in client.conversations_history(channel=CHANNEL, oldest=since, limit=2)
    ]
    assert pages == [([sent[4], sent[3]], True), ([sent[2], sent[1]], True), ([sent[0]], False)]
    between = client.conversations_history(channel=CHANNEL, oldest=sent[1], latest=sent[3])
    assert [m["ts"] for m in between["messages"]] == [sent[2]]
    inclusive = client.conversations_history(channel=CHANNEL, oldest=sent[1], latest=sent[3], inclusive=True)
    assert [m["ts"] for m in inclusive["messages"]] == [sent[3], sent[2], sent[1]]
    assert refused(client.conversations_history, channel=CHANNEL, cursor="?") == "invalid_cursor"
    assert refused(client.conversations_history, channel="C0OPEN") == "not_in_channel"


def test_replies_are_paged_with_the_root_on_every_page(client):
    root = client.chat_postMessage(channel=CHANNEL, text="root")["ts"]
    replies = [client.chat_postMessage(channel=CHANNEL, text=str(n), thread_ts=root)["ts"] for n in range(3)]
    pages = [
        ([m["ts"] for m in page["messages"]], page["messages"][0]["reply_count"])
        for page in client.conversations_replies(channel=CHANNEL, ts=root, limit=2)
    ]
    assert pages == [([root, *replies[:2]], 3), ([root, replies[2]], 3)]
    assert refused(client.conversations_replies, channel=CHANNEL, ts="1.0") == "thread_not_found"


def test_conversations(client):
    info = client.conversations_info(channel=CHANNEL)["channel"]
    assert (info["name"], info["is_member"], info["topic"]["value"]) == ("general", True, "All")
    assert refused(client.conversations_info, channel="G0SECRET") == "channel_not_found"
    listed = [page["channels"][0]["id"] for page in client.conversations_list(limit=1)]
    assert listed == [CHANNEL, "C0OPEN"]
    assert refused(client.conversations_list, types="secret") == "invalid_types"
    assert client.conversations_members(channel=CHANNEL)["members"] == ["U0ANNA", "U0BOT"]
    opened = client.conversations_open(users=["U0BEN"], return_im=True)["channel"]
    assert (opened["is_im"], opened["user"]) == (True, "U0BEN")
    assert client.chat_postMessage(channel="U0BEN", text="psst")["channel"] == opened["id"]
    assert refused(client.conversations_join, channel="G0SECRET") == "channel_not_found"
    channels = client.users_conversations()["channels"]
    assert [channel["id"] for channel in channels] == [CHANNEL]


def test_joining_a_public_channel(client):
    assert client.conversations_join(channel="C0OPEN")["channel"]["is_member"]
    assert client.conversations_join(channel="C0OPEN")["warning"] == "already_in_channel"
    assert client.chat_postMessage(channel="C0OPEN", text="here I am")["ok"]


def test_people(client):
    ben = client.users_info(user="U0BEN")["user"]
    assert (ben["profile"]["title"], ben["profile"]["email"]) == ("Agent", "ben@example.org")
    assert client.users_info(user="U0ANNA")["user"]["tz"] == "Europe/Berlin"
    assert client.users_info(user="U0BOT")["user"]["is_bot"]
    assert refused(client.users_info, user="U0NOBODY") == "user_not_found"
    listed = [member["id"] for page in client.users_list(limit=2) for member in page["members"]]
    assert listed == ["U0ANNA", "U0BEN", "U0BOT"]
    assert client.usergroups_users_list(usergroup="S0AGENTS")["users"] == ["U0BEN"]
    assert refused(client.usergroups_users_list, usergroup="S0NONE") == "no_such_subteam"
    assert client.usergroups_list(include_users=True)["usergroups"][0]["handle"] == "agents"
    assert client.bots_info(bot="B0APP")["bot"]["user_id"] == "U0BOT"


def test_reactions(client):
    ts = client.chat_postMessage(channel=CHANNEL, text="nice")["ts"]
    client.reactions_add(channel=CHANNEL, timestamp=ts, name="thumbsup")
    assert refused(client.reactions_add, channel=CHANNEL, timestamp=ts, name="thumbsup") == "already_reacted"
    message = client.reactions_get(channel=CHANNEL, timestamp=ts)["message"]
    assert message["reactions"] == [{"name": "thumbsup", "users": ["U0BOT"], "count": 1}]
    client.reactions_remove(channel=CHANNEL, timestamp=ts, name="thumbsup")
    assert refused(client.reactions_remove, channel=CHANNEL, timestamp=ts, name="thumbsup") == "no_reaction"
    assert refused(client.reactions_add, channel=CHANNEL, timestamp=ts, name="not one") == "invalid_name"


def test_permalinks(client):
    root = client.chat_postMessage(channel=CHANNEL, text="root")["ts"]
    reply = client.chat_postMessage(channel=CHANNEL, text="reply", thread_ts=root)["ts"]
    link = client.chat_getPermalink(channel=CHANNEL, message_ts=root)["permalink"]
    assert link == f"https://local.slack.com/archives/{CHANNEL}/p{root.replace('.', '')}"
    threaded = client.chat_getPermalink(channel=CHANNEL, message_ts=reply)["permalink"]
    assert threaded.endswith(f"?thread_ts={root}&cid={CHANNEL}")


def test_an_ephemeral_is_seen_by_its_addressee_alone(client, http):
    ts = client.chat_postEphemeral(channel=CHANNEL, user="U0ANNA", text="for you")["message_ts"]
    seen = http.get("/person/U0ANNA/state").json()["messages"][CHANNEL]
    assert next(m for m in seen if m["ts"] == ts)["ephemeral"]
    history = client.conversations_history(channel=CHANNEL)["messages"]
    assert ts not in [message["ts"] for message in history]
    assert refused(client.chat_postEphemeral, channel=CHANNEL, user="U0BEN", text="x") == (
        "user_not_in_channel"
    )


def test_files_are_uploaded_in_three_steps(client, http, tmp_path):
    chart = tmp_path / "chart.svg"
    chart.write_text("<svg/>")
    root = client.chat_postMessage(channel=CHANNEL, text="see below")["ts"]
    done = client.files_upload_v2(
        channel=CHANNEL, file=str(chart), title="Chart", initial_comment="the chart", thread_ts=root
    )
    file = done["file"]
    assert (file["title"], file["size"], file["channels"]) == ("Chart", 6, [CHANNEL])
    assert client.files_info(file=file["id"])["file"]["mimetype"] == "image/svg+xml"
    shared = client.conversations_replies(channel=CHANNEL, ts=root)["messages"][1]
    assert (shared["subtype"], shared["files"][0]["id"]) == ("file_share", file["id"])
    download = http.get(file["url_private"])
    assert (download.text, download.headers["content-disposition"]) == ("<svg/>", "attachment")
    assert refused(client.files_info, file="F0NONE") == "file_not_found"
    assert http.post("/upload/v1/F0NONE", content=b"x").status_code == 400


VIEW = {"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [{"type": "divider"}]}


def test_views_are_checked(client, sandbox):
    def opened(**changes):
        return refused(client.views_open, trigger_id="1.2.3", view={**VIEW, **changes})

    assert opened() == "invalid_trigger_id"
    assert opened(title={"type": "plain_text", "text": "x" * 25}) == "invalid_arguments"
    assert opened(blocks=None) == "invalid_arguments"
    assert opened(type="home") == "invalid_arguments"
    assert refused(client.views_update, view_id="V0", view=VIEW) == "not_found"
    home = {"type": "home", "blocks": []}
    published = client.views_publish(user_id="U0BEN", view=home)["view"]
    stale = refused(client.views_publish, user_id="U0BEN", view=home, hash="stale")
    assert stale == "hash_conflict"
    assert client.views_publish(user_id="U0BEN", view=home, hash=published["hash"])["ok"]
    crowded = {"type": "home", "blocks": [{"type": "divider"}] * 101}
    assert refused(client.views_publish, user_id="U0BEN", view=crowded) == "invalid_arguments"


def test_triggers_and_response_urls_expire(client, http, sandbox, clock):
    trigger = sandbox.place.views.trigger("U0ANNA")
    url = sandbox.place.urls.issue(CHANNEL, "U0ANNA")
    assert http.post(url, json={"text": "in time"}).text == "ok"
    clock.ahead += 4
    assert refused(client.views_open, trigger_id=trigger, view=VIEW) == "expired_trigger_id"
    clock.ahead += 30 * 60
    late = http.post(url, json={"text": "too late"})
    assert (late.status_code, late.json()["error"]) == (404, "expired_url")


def test_a_response_url_refuses_what_posting_refuses(http, sandbox):
    url = sandbox.place.urls.issue(CHANNEL, "U0ANNA")
    assert http.post(url, json={"blocks": [{"type": "carpet"}]}).json()["error"] == "invalid_blocks"
    assert http.post(url, json={}).json()["error"] == "no_text"
    assert http.post(url, content="{").json()["error"] == "invalid_payload"


def test_calls_fail_as_often_as_the_observer_says(client, http):
    http.post("/sandbox/fail", json={"method": "auth.test", "times": 1, "retry_after": 7})
    http.post("/sandbox/fail", json={"method": "*", "times": 1, "error": "fatal_error"})
    http.post("/sandbox/fail", json={"method": "auth.test", "times": 1, "status": 503})
    with pytest.raises(SlackApiError) as limited:
        client.auth_test()
    assert limited.value.response.status_code == 429
    assert limited.value.response.headers["Retry-After"] == "7"
    assert limited.value.response["error"] == "ratelimited"
    assert refused(client.api_test) == "fatal_error"
    with pytest.raises(SlackApiError) as broken:
        client.auth_test()
    assert broken.value.response.status_code == 503
    assert client.auth_test()["ok"]
    assert http.post("/sandbox/fail", json={}).json()["error"] == "invalid_arguments"

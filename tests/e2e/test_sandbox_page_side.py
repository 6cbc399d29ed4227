"""The persons' side: who sees what, live, and who may knock; the server's start and its refusals."""

import json
import socket
import subprocess
import sys

import httpx
import pytest
from slack_sdk import WebClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from sandbox.server import DEFAULT_SEED, PortInUse, Sandbox, SeedError

SHARED, PRIVATE = "C0SHARED", "C0PRIVATE"
SEED = {
    **DEFAULT_SEED,
    "users": [{"id": "U0ANNA", "name": "anna"}, {"id": "U0BEN", "name": "ben"}],
    "channels": [
        {"id": SHARED, "name": "shared", "members": ["U0ANNA", "U0BEN", "U0BOT"]},
        {"id": PRIVATE, "name": "triage", "is_private": True, "members": ["U0ANNA", "U0BOT"]},
    ],
}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(SEED) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox):
    return WebClient(token=sandbox.bot_token, base_url=sandbox.api_url)


@pytest.fixture(scope="module")
def http(sandbox):
    with httpx.Client(base_url=sandbox.url) as opened:
        yield opened


def act(http, user, what, **body):
    return http.post(f"/person/{user}/{what}", json=body).json()


def live(sandbox, user):
    return connect(f"{sandbox.url.replace('http', 'ws')}/person/{user}/live")


def pushes(page, last):
    """What the page gets, up to a message with the text `last`."""
    seen = []
    while not seen or seen[-1].get("message", {}).get("text") != last:
        seen.append(json.loads(page.recv(timeout=10)))
    return seen


def test_the_workspace_names_people_and_commands_but_no_secret(http, sandbox):
    answer = http.get("/person/workspace")
    assert {person["id"] for person in answer.json()["people"]} == {"U0ANNA", "U0BEN", "U0BOT"}
    assert answer.json()["commands"] == ["/app"]
    for secret in (sandbox.bot_token, sandbox.app_token, sandbox.signing_secret):
        assert secret not in answer.text


def test_a_person_sees_their_channels_and_no_other(http, client):
    client.chat_postMessage(channel=PRIVATE, text="internal score 0.97")
    client.chat_postEphemeral(channel=SHARED, user="U0ANNA", text="only for anna")
    anna, ben = (http.get(f"/person/{user}/state") for user in ("U0ANNA", "U0BEN"))
    assert [channel["id"] for channel in anna.json()["channels"]] == [SHARED, PRIVATE, "D0ANNA"]
    assert [channel["id"] for channel in ben.json()["channels"]] == [SHARED, "D0BEN"]
    assert "internal" in anna.text
    assert "internal" not in ben.text
    assert "only for anna" in anna.text
    assert "only for anna" not in ben.text
    assert act(http, "U0BEN", "say", channel=PRIVATE, text="let me in")["error"] == "channel_not_found"
    assert act(http, "U0GHOST", "say", channel=SHARED, text="boo")["error"] == "user_not_found"
    assert http.get("/person/U0GHOST/state").json()["error"] == "user_not_found"


def test_live_pushes_what_the_person_sees(sandbox, http, client):
    with live(sandbox, "U0ANNA") as anna, live(sandbox, "U0BEN") as ben:
        client.chat_postMessage(channel=PRIVATE, text="internal")
        client.chat_postEphemeral(channel=SHARED, user="U0ANNA", text="whispered")
        client.views_publish(user_id="U0ANNA", view={"type": "home", "blocks": []})
        ts = act(http, "U0BEN", "say", channel=SHARED, text="hello")["ts"]
        act(http, "U0ANNA", "react", channel=SHARED, ts=ts, name="eyes")
        act(http, "U0BEN", "edit", channel=SHARED, ts=ts, text="hello!")
        act(http, "U0ANNA", "say", channel=SHARED, text="reply", thread_ts=ts)
        act(
            http,
            "U0BEN",
            "delete",
            channel=SHARED,
            ts=act(http, "U0BEN", "say", channel=SHARED, text="x")["ts"],
        )
        act(http, "U0ANNA", "say", channel=SHARED, text="end")
        for_anna, for_ben = pushes(anna, "end"), pushes(ben, "end")
    texts = [push["message"]["text"] for push in for_ben if push["type"] == "message"]
    assert texts == ["hello", "hello", "hello!", "reply", "hello!", "x", "end"]
    assert for_ben[4]["message"]["reply_count"] == 1
    assert "message_removed" in [push["type"] for push in for_ben]
    extra = [push for push in for_anna if push not in for_ben]
    assert [push["type"] for push in extra] == ["message", "message", "home"]


def test_joining_tells_the_members(sandbox, http):
    with live(sandbox, "U0BEN") as ben:
        assert act(http, "U0ANNA", "join", channel=PRIVATE, invite="U0BEN")["ok"]
        push = json.loads(ben.recv(timeout=10))
    assert (push["type"], push["channel"]["id"]) == ("channel", PRIVATE)
    assert act(http, "U0BEN", "join", channel="C0NONE")["error"] == "channel_not_found"
    with live(sandbox, "U0BEN") as ben:
        assert act(http, "U0ANNA", "leave", channel=PRIVATE, remove="U0BEN")["ok"]
        seen = pushes(ben, "<@U0BEN> has left the channel")
        gone = json.loads(ben.recv(timeout=10))
    assert [push["type"] for push in seen] == ["message"]
    assert (gone["channel"]["is_member"], gone["channel"]["members"]) == (False, ["U0ANNA", "U0BOT"])
    assert act(http, "U0BEN", "leave", channel=PRIVATE)["error"] == "channel_not_found"
    direct = act(http, "U0BEN", "leave", channel="D0BEN")["error"]
    assert direct == "method_not_supported_for_channel_type"


def test_people_change_only_what_is_theirs(http):
    ts = act(http, "U0ANNA", "say", channel=SHARED, text="mine")["ts"]
    assert act(http, "U0BEN", "edit", channel=SHARED, ts=ts, text="x")["error"] == "cant_update_message"
    assert act(http, "U0BEN", "delete", channel=SHARED, ts=ts)["error"] == "cant_delete_message"
    assert act(http, "U0BEN", "say", channel=SHARED, text="")["error"] == "no_text"
    assert act(http, "U0BEN", "dance")["error"] == "invalid_arguments"
    assert act(http, "U0BEN", "submit", view_id="V0")["error"] == "view_not_found"
    assert http.post("/person/U0BEN/say", content="{").json()["error"] == "invalid_json"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_other_websites_are_turned_away(http, sandbox, headers):
    body = {"channel": SHARED, "text": "from elsewhere"}
    assert http.post("/person/U0ANNA/say", json=body, headers=headers).status_code == 403
    assert http.get("/api/auth.test", headers=headers).status_code == 403


def test_other_websites_get_no_socket(sandbox):
    url = sandbox.url.replace("http", "ws")
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"{url}/person/U0ANNA/live", origin="https://evil.example")
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"{url}/link?ticket=guessed")
    with connect(f"{url}/person/U0ANNA/live", origin=sandbox.url):
        pass


def test_the_page_is_served_by_name_alone(http):
    assert http.get("/page/server.py").status_code == 404
    assert http.get("/page/..%2Fserver.py").status_code == 404
    assert http.get("/docs").status_code == 404


def test_a_port_in_use_is_said_in_one_line(sandbox):
    with pytest.raises(PortInUse, match=f"port {sandbox.port} is in use"):
        Sandbox(port=sandbox.port).start()


def test_a_bad_seed_starts_nothing():
    with pytest.raises(SeedError, match="team: missing"):
        Sandbox({})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [("{", "not JSON"), ("{}", "team: missing"), (None, "cannot be read")],
)
def test_the_command_line_refuses_in_one_line(tmp_path, content, complaint):
    seed = tmp_path / "seed.json"
    if content is not None:
        seed.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--port", "0", "--seed", str(seed)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_command_line_refuses_a_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "sandbox", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert (done.returncode, done.stderr) == (
        2,
        f"sandbox: port {port} is in use; choose another one or 0 for any\n",
    )


def test_the_command_line_serves_until_it_is_told_to_stop():
    command = [sys.executable, "-m", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        base = line.split("SLACK_API_URL=")[1].rstrip().rstrip(")")
        answer = httpx.post(f"{base}api.test", data={"hello": "there"}).json()
        process.terminate()
        assert process.wait(timeout=20) == 0
    assert answer == {"ok": True, "args": {"hello": "there"}}

import time

import pytest

from bot.privacy.redaction import redacted


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "mail me at <mailto:jo.doe+x@example.co.uk|jo.doe+x@example.co.uk> please",
            "mail me at an address please",
        ),
        ("or at jo@example.com.", "or at an address."),
        ("call +49 (0)30 1234-5678 now", "call a phone number now"),
        ("call 030 1234567", "call a phone number"),
        ("<tel:+4930123456|+49 30 123456> is mine", "a phone number is mine"),
        ("charged to 4111 1111 1111 1111 twice", "charged to a card number twice"),
        ("my IBAN is DE89 3704 0044 0532 0130 00", "my IBAN is an account number"),
        ("token xoxb-1234567890-abcdefgh leaked", "token a key leaked"),
        ("ghp_abcdefghijklmnop1234 is in the log", "a key is in the log"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln says 401", "a key says 401"),
        ("my password is hunter2!", "my password is a secret"),
        ("api key: 9f8a7b6c", "api key: a secret"),
        ("user jo, pwd=letmein", "user jo, pwd=a secret"),
        ("Password: correcthorse thanks", "Password: a secret thanks"),
        ("the pin is: zebra", "the pin is: a secret"),
        ("*Password:* letmein", "*Password:* a secret"),
        ("`password`: letmein now", "`password`: a secret now"),
        ('{"password": "letmein", "a": 1}', '{"password": "a secret", "a": 1}'),
        ("DB_PASSWORD=letmein", "DB_PASSWORD=a secret"),
        ("client_secret=abcdefgh", "client_secret=a secret"),
        ("access_token: abcdefgh", "access_token: a secret"),
        ("passwd: letmein", "passwd: a secret"),
        ("CVV: 123", "CVV: a secret"),
        ("password => letmein", "password => a secret"),
        ("from 192.168.1.20 and 2001:db8::1 only", "from an address and an address only"),
        ("<@U024BE7LH|anna> told me", "<@U0> told me"),
        ("see https://x.example/reset?token=abc123&u=7#top", "see https://x.example/reset"),
        ("session 4f9c8a7b6d5e4f3a2b1c0d9e8f7a6b5c", "session a key"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "a key"),
    ],
)
def test_what_belongs_to_persons_goes(text: str, kept: str) -> None:
    assert redacted(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "order 12345678 never came",
        "error 0x80070005 at 12:30:45",
        "version 10.2.3.4444 broke it",
        "on 2026-11-25 at 10:00 it stopped",
        "the total is 1,234.56 and not 12.50",
        "I forgot my password again",
        "my password is wrong again",
        "Password: how do I reset it?",
        "Forgot password: why can't I log in",
        "PIN: not received",
        "Token: has expired again",
        "My credentials: don't work since Monday",
        "My passwords re-sync every day",
        "login credentials (SSO-based) fail",
        "Two passwords 24/7 nonsense",
        "forgot_password: page broken",
        "the boarding pass QR-code is gone",
        "I pass co-workers the link",
        "the token expired, third time",
        "ratio 3:1, call me maybe",
        "use the pin button",
    ],
)
def test_what_says_something_about_the_trouble_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    "unit",
    [
        "a.",
        "https://",
        "a-",
        "4 ",
        "AB12 ",
        "x@",
        "pin 1",
        "::",
        "<@U1",
        "eyJ",
        "password:" + " " * 3990,
        "pin: " + "'" * 3990 + "x",
        "pwd=x" + ";," * 1990 + "x",
    ],
)
def test_no_text_holds_it_up(unit: str) -> None:
    began = time.monotonic()
    redacted(unit * 20_000)
    assert time.monotonic() - began < 2

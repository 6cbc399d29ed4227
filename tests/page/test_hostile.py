"""Text from people and apps stays text, however it is made."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import pytest
from playwright.async_api import Page, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

OpenPage = Callable[..., Awaitable[Page]]
ANNA, CARLA = "U0ANNA", "U0CARLA"

TYPED = [
    "<img src=x onerror='window.hit = 1'>",
    "<script>window.hit = 1</script>",
    "<javascript:window.hit=1|click me>",
    "*<svg onload=window.hit=1>* `<b>code</b>` ```<i>pre</i>```",
    "&lt;img src=x onerror=window.hit=1&gt;",
    "{{ 7 * 7 }} ${window.hit = 1} <!channel> \u202egnp.exe \u0007 \u0000end",
    "[click](javascript:window.hit=1) data:text/html,<script>window.hit=1</script>",
]
SCHEMES = ("http://", "https://", "mailto:", "#")


async def inert(page: Page) -> None:
    assert await page.evaluate("window.hit") is None
    assert await page.locator(".messages :is(img, script, iframe, object, svg[onload])").count() == 0
    hrefs = await page.eval_on_selector_all("a", "nodes => nodes.map(node => node.getAttribute('href'))")
    assert [href for href in hrefs if not href.startswith(SCHEMES)] == []


async def test_what_people_type_is_shown_as_typed(open_page: OpenPage) -> None:
    page = await open_page(CARLA, "C0QUIET")
    for words in TYPED:
        await page.fill("#composer", words)
        await page.press("#composer", "Enter")
        await expect(page.locator("#composer")).to_have_value("")
    await expect(page.locator("#messages .message", has_text="end")).to_be_visible()
    await expect(page.locator("#messages")).to_contain_text(TYPED[0])
    await expect(page.locator("#messages")).to_contain_text("<javascript:window.hit=1|click me>")
    await expect(page.locator("#messages")).to_contain_text("{{ 7 * 7 }}")
    await inert(page)


async def test_what_an_app_sends_gains_no_power(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    evil = "<javascript:window.hit=1|click me> <img src=x onerror=window.hit=1>"
    await heard.client.chat_postMessage(channel="C0KIT", text=evil)
    link = {"type": "link", "url": "javascript:window.hit=1", "text": "rich link"}
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": evil}},
        {"type": "section", "text": {"type": "mrkdwn", "text": evil}},
        {"type": "markdown", "text": "[evil link](javascript:window.hit=1) <img src=x onerror=window.hit=1>"},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [link]}]},
        {"type": "image", "image_url": "javascript:window.hit=1", "alt_text": "evil picture"},
        {"type": "image", "image_url": "data:image/svg+xml,<svg onload='hit=1'/>", "alt_text": "drawn"},
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "any",
                    "url": "javascript:window.hit=1",
                    "text": {"type": "plain_text", "text": "Evil button"},
                }
            ],
        },
    ]
    posted = await heard.client.chat_postMessage(channel="C0KIT", text="evil", blocks=blocks)
    shown = page.locator(f"#messages [data-ts='{posted['ts']}']")
    await expect(shown).to_contain_text("rich link")
    await shown.get_by_role("button", name="Evil button").click()
    await expect(shown.get_by_role("button", name="Evil button")).to_be_enabled()
    await inert(page)


async def test_very_long_and_twisted_messages_stay_quick(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    started = time.monotonic()
    for pattern in ("word ", "*", "_a", "`", "<", "&gt;\n", ":a", "*_~", "```x", "https://", "<@U0ANNA>"):
        size = 39_000 if pattern != "<" else 9_000  # each of these takes four characters once it is escaped
        long = pattern * (size // len(pattern))
        posted = await heard.client.chat_postMessage(channel="C0KIT", text=long)
        shown = page.locator(f"#messages [data-ts='{posted['ts']}']")
        await expect(shown.get_by_test_id("show-more")).to_be_visible()
    assert time.monotonic() - started < 15
    box = await shown.bounding_box()
    assert box is not None and box["height"] < 460
    await shown.get_by_test_id("show-more").click()
    await expect(shown.get_by_test_id("show-more")).to_have_text("Show less")
    await inert(page)

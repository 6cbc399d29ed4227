"""Block Kit: every block is laid out, every element reaches the app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

OpenPage = Callable[..., Awaitable[Page]]
ANNA = "U0ANNA"


def text(words: str, kind: str = "plain_text") -> dict[str, str]:
    return {"type": kind, "text": words}


def option(word: str) -> dict[str, Any]:
    return {"text": text(word.title()), "value": word}


def series(name: str, *values: float) -> dict[str, Any]:
    return {"name": name, "data": [{"label": f"W{n}", "value": v} for n, v in enumerate(values, 1)]}


def chart(kind: str, *lines: dict[str, Any]) -> dict[str, Any]:
    weeks = [point["label"] for point in lines[0]["data"]]
    axes = {"categories": weeks, "x_label": "Week", "y_label": "Messages"}
    return {
        "type": "data_visualization",
        "title": f"A {kind} chart",
        "chart": {"type": kind, "series": list(lines), "axis_config": axes},
    }


HEAD = [{"type": "raw_text", "text": word} for word in ("Template", "Sent")]
SENT = {"export": 1203, "refund": 87, "login": 540, "outage": 12}
ROWS = [HEAD] + [
    [{"type": "raw_text", "text": name}, {"type": "raw_number", "value": sent, "text": f"{sent:,}"}]
    for name, sent in SENT.items()
]
RICH = {
    "type": "rich_text",
    "elements": [
        {
            "type": "rich_text_section",
            "elements": [
                {"type": "text", "text": "strong", "style": {"bold": True}},
                {"type": "user", "user_id": ANNA},
                {"type": "emoji", "name": "wave"},
                {"type": "link", "url": "https://example.com", "text": "link"},
            ],
        },
        {
            "type": "rich_text_list",
            "style": "ordered",
            "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "first"}]}],
        },
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "a = 1"}]},
        {"type": "rich_text_quote", "elements": [{"type": "text", "text": "said"}]},
    ],
}
PICTURE = {"type": "image", "image_url": "https://elsewhere.example/a.png", "alt_text": "A dashboard"}
PIE = {
    "type": "data_visualization",
    "title": "Shares",
    "chart": {"type": "pie", "segments": [{"label": "a", "value": 3}, {"label": "b", "value": 1}]},
}
EVERYTHING: list[dict[str, Any]] = [
    {"type": "header", "text": text("A header :wave:")},
    {"type": "section", "text": text("*bold* &amp; `code`", "mrkdwn"), "accessory": PICTURE},
    {"type": "section", "fields": [text("left"), text("right")]},
    {"type": "context", "elements": [text("small print", "mrkdwn"), PICTURE]},
    {"type": "divider"},
    PICTURE,
    RICH,
    {"type": "markdown", "text": "## Title\n- **item** [docs](https://example.com)\n\n```\ncode\n```"},
    {"type": "table", "rows": ROWS},
    {"type": "data_table", "caption": "Templates", "page_size": 3, "rows": ROWS},
    chart("bar", series("in", 4, -2, 8), series("out", 3, 5, 1)),
    {"type": "alert", "level": "warning", "text": text("Careful")},
    {"type": "actions", "elements": [{"type": "button", "action_id": "any", "text": text("Press")}]},
    {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": "any",
                "positive_button": {"text": text("Good"), "value": "good", "accessibility_label": "Helpful"},
                "negative_button": {"text": text("Bad"), "value": "bad"},
            },
            {"type": "icon_button", "icon": "trash", "text": text("Bin"), "action_id": "bin"},
        ],
    },
    PIE,
]


async def show(page: Page, heard: SimpleNamespace, *blocks: dict[str, Any]) -> Locator:
    """Posts a message with these blocks; returns it as this page shows it."""
    posted = await heard.client.chat_postMessage(channel="C0KIT", text="blocks", blocks=list(blocks))
    shown = page.locator(f"#messages [data-ts='{posted['ts']}']")
    await expect(shown).to_be_visible()
    return shown


async def heard_action(heard: SimpleNamespace, count: int = 1) -> dict[str, Any]:
    for _ in range(100):
        if len(heard.actions) >= count:
            return heard.actions[-1]
        await asyncio.sleep(0.02)
    raise AssertionError("the app was not told")


@pytest.fixture(autouse=True)
def nothing_heard_yet(heard: SimpleNamespace) -> None:
    heard.actions.clear()


async def test_every_block_is_laid_out(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    shown = await show(page, heard, *EVERYTHING)
    for kind in {block["type"] for block in EVERYTHING}:
        await expect(shown.locator(f"[data-block={kind}]").first).to_be_visible()
    await expect(shown.locator(".block-unknown")).to_have_count(0)
    await expect(shown.locator(".section-fields > *")).to_have_text(["left", "right"])
    await expect(shown.locator("[data-block=section] strong").first).to_have_text("bold")
    await expect(shown.locator(".rich-text ol li")).to_have_text("first")
    await expect(shown.locator(".markdown a")).to_have_attribute("href", "https://example.com")
    await expect(shown.locator("img")).to_have_count(0)


async def test_an_unknown_block_is_named(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    shown = await show(page, heard, {"type": "file", "external_id": "x", "source": "remote"})
    await expect(shown.locator(".block-unknown")).to_have_text("Cannot show “file” here")


async def test_charts_are_drawn_with_words_for_every_point(
    open_page: OpenPage, heard: SimpleNamespace
) -> None:
    page = await open_page(ANNA, "C0KIT")
    shown = await show(page, heard, chart("bar", series("in", 4, -2, 8), series("out", 3, 5, 1)), PIE)
    bars = shown.locator("[data-block=data_visualization]").first
    await expect(bars.locator("rect title")).to_have_count(6)
    assert "in, W2: -2" in await bars.locator("rect title").all_text_contents()
    await expect(bars.get_by_role("img")).to_have_attribute(
        "aria-label", "A bar chart, bar chart. in: W1 4, W2 -2, W3 8; out: W1 3, W2 5, W3 1"
    )
    await expect(bars.locator(".legend li")).to_have_text(["in", "out"])
    base = float(await bars.locator("line.axis").get_attribute("y1") or 0)
    below = bars.locator("rect", has_text="in, W2")
    assert float(await below.get_attribute("y") or 0) == pytest.approx(base)
    await expect(shown.locator(".slice")).to_have_count(2)
    await expect(shown.locator(".legend li").last).to_have_text("b · 25 %")

    lines = await show(page, heard, chart("line", series("f1", 0.9, 0.91)), chart("area", series("n", 7, 9)))
    await expect(lines.locator("circle")).to_have_count(4)
    ticks = await lines.locator("svg").first.locator("text[text-anchor=end]").all_text_contents()
    assert ticks[0] == "0.9" and len(ticks) >= 4
    await expect(lines.locator("path[fill-opacity]")).to_have_count(1)


async def test_a_data_table_is_sorted_and_paged(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    table = {"type": "data_table", "caption": "Templates", "page_size": 3, "rows": ROWS}
    shown = await show(page, heard, table)
    first = shown.locator("tbody th")
    await expect(first).to_have_text(["export", "refund", "login"])
    await shown.get_by_role("button", name="Sent").click()
    await expect(first).to_have_text(["outage", "refund", "login"])
    await shown.get_by_role("button", name="Sent").click()
    await expect(first).to_have_text(["export", "login", "refund"])
    await expect(shown.locator("thead th").last).to_have_attribute("aria-sort", "descending")
    await shown.get_by_role("button", name="Next").click()
    await expect(first).to_have_text(["outage"])
    await expect(shown.locator(".pager")).to_contain_text("4–4 of 4")
    await expect(shown.locator("tbody td").first).to_have_css("text-align", "right")


async def test_buttons_menus_and_ratings_reach_the_app(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    options = [option("negative"), option("neutral")]
    choose = {"type": "static_select", "action_id": "any", "placeholder": text("Label"), "options": options}
    shown = await show(
        page,
        heard,
        {"type": "section", "text": text("Which?"), "accessory": choose},
        {"type": "actions", "elements": [{"type": "overflow", "action_id": "any", "options": options}]},
        EVERYTHING[-2],
        {"type": "actions", "elements": [{"type": "button", "action_id": "take", "text": text("Take it")}]},
    )
    await shown.locator("select").select_option(label="Neutral")
    assert (await heard_action(heard, 1))["selected_option"]["value"] == "neutral"
    await shown.get_by_role("button", name="More options").click()
    await page.get_by_role("menuitem", name="Negative").click()
    assert (await heard_action(heard, 2))["type"] == "overflow"
    await shown.get_by_role("button", name="Helpful").click()
    assert (await heard_action(heard, 3))["value"] == "good"
    await expect(shown.get_by_role("button", name="Helpful")).to_have_attribute("aria-pressed", "true")
    await shown.get_by_role("button", name="Take it").click()
    await expect(shown).to_contain_text("Taken")
    await expect(shown.locator("button[data-action-id=take]")).to_have_count(0)


async def test_a_silent_app_and_a_denied_question(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    confirm = {
        "title": text("Really?"),
        "text": text("It is gone then."),
        "confirm": text("Go"),
        "deny": text("No"),
    }
    button = {"type": "button", "action_id": "no_answer", "text": text("Delete"), "confirm": confirm}
    shown = await show(page, heard, {"type": "actions", "elements": [button]})
    press = shown.locator("[data-action-id=no_answer]")
    await press.click()
    await expect(page.get_by_test_id("confirm")).to_contain_text("It is gone then.")
    await page.get_by_test_id("confirm-no").click()
    await expect(page.get_by_test_id("confirm")).to_be_hidden()
    assert heard.actions == []
    await press.click()
    await page.get_by_test_id("confirm-yes").click()
    await expect(press).to_be_disabled()
    await expect(page.get_by_test_id("toasts")).to_contain_text("The app did not answer in time")
    await expect(press).to_be_enabled()


async def test_a_form_is_filled_refused_and_accepted(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    button = {"type": "button", "action_id": "open_form", "text": text("Open a form")}
    shown = await show(page, heard, {"type": "actions", "elements": [button]})
    await shown.get_by_role("button", name="Open a form").click()
    form = page.get_by_test_id("modal")
    await expect(form.get_by_role("heading", name="Open a case")).to_be_visible()
    await expect(form.get_by_label("Subject")).to_be_focused()
    await form.get_by_test_id("modal-submit").click()
    await expect(form.locator("[data-block-id=feeling] .input-error")).to_have_text("Please fill this in.")
    await expect(form.locator("[data-block-id=queue] .input-error")).to_be_hidden()

    await form.get_by_label("Subject").fill("export dies")
    await form.get_by_label("Negative").check()
    await form.get_by_label("Queue").select_option(label="Exports")
    await form.get_by_test_id("modal-submit").click()
    await expect(form.locator("[data-block-id=subject] .input-error")).to_have_text("Say please.")
    await expect(form.get_by_label("Negative")).to_be_checked()

    await form.get_by_label("Subject").fill("export dies, please help")
    await form.get_by_label("Subject").press("Enter")
    await expect(form).to_be_hidden()
    values = heard.submissions[-1]
    assert values["subject"]["text"]["value"] == "export dies, please help"
    assert values["feeling"]["choice"]["selected_option"]["value"] == "negative"
    assert values["queue"]["choice"]["selected_option"]["value"] == "exports"

    await shown.get_by_role("button", name="Open a form").click()
    await expect(form).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(form).to_be_hidden()


async def test_everything_that_can_be_used_has_a_name(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA, "C0KIT")
    await show(page, heard, *EVERYTHING)
    nameless = await page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, select, textarea')]
            .filter((node) => !(node.ariaLabel || node.textContent.trim() || node.labels?.length))
            .map((node) => node.outerHTML)"""
    )
    assert nameless == []

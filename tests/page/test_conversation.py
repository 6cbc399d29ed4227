"""Persons in their windows: who sees what, live, and what they write reaches the app."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from sandbox.server import Sandbox

pytestmark = pytest.mark.asyncio(loop_scope="session")

OpenPage = Callable[..., Awaitable[Page]]
ADA, ANNA, CARLA = "U0ADA", "U0ANNA", "U0CARLA"


def message(page: Page, text: str, pane: str = "#messages") -> Locator:
    return page.locator(f"{pane} .message", has_text=text)


async def write(page: Page, text: str, composer: str = "#composer") -> None:
    await page.fill(composer, text)
    await page.press(composer, "Enter")
    await expect(page.locator(composer)).to_have_value("")


async def test_switching_the_person_changes_what_is_seen(open_page: OpenPage) -> None:
    page = await open_page(CARLA)
    await expect(page.locator("[data-channel=C0TRIAGE]")).to_have_count(0)
    await page.click(f"[data-person={ANNA}]")
    await expect(page.locator("[data-channel=C0TRIAGE]")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("data-role", "agent")
    await expect(page.locator("#acting-as")).to_contain_text("Anna Okafor")
    assert page.url.endswith(f"#{ANNA}/C0HELP")
    await page.reload()
    await expect(page.locator("#me")).to_have_attribute("data-user", ANNA)


async def test_who_opens_the_bare_address_stands_in_the_first_channel(
    open_page: OpenPage, sandbox: Sandbox
) -> None:
    page = await open_page(CARLA)
    await page.goto(sandbox.url)
    await expect(page).to_have_url(re.compile(r"/#U0\w+/C0\w+$"))
    await expect(page.locator("#home")).to_be_hidden()
    await expect(page.locator("#composer")).to_be_visible()


async def test_two_windows_show_one_conversation(open_page: OpenPage) -> None:
    carla, anna = await open_page(CARLA), await open_page(ANNA)
    await write(carla, "Is anybody *there*?")
    await expect(message(anna, "Is anybody").locator("strong")).to_have_text("there")
    await expect(anna.locator("#announcer")).to_contain_text("Carla Reyes: Is anybody there?")

    await message(anna, "Is anybody").hover()
    await message(anna, "Is anybody").get_by_test_id("react").click()
    await anna.click("[data-emoji=eyes]")
    await expect(message(carla, "Is anybody").locator("[data-reaction=eyes]")).to_contain_text("1")
    await message(carla, "Is anybody").locator("[data-reaction=eyes]").click()
    mine = message(carla, "Is anybody").locator("[data-reaction=eyes]")
    await expect(mine).to_have_attribute("aria-pressed", "true")
    await expect(mine).to_contain_text("2")

    await message(carla, "Is anybody").hover()
    await message(carla, "Is anybody").get_by_test_id("more").click()
    await carla.get_by_role("menuitem", name="Edit message").click()
    field = carla.get_by_test_id("edit-field")
    await expect(field).to_have_value("Is anybody *there*?")
    await field.fill("Is anybody here, @anna?")
    await field.press("Enter")
    await expect(message(anna, "Is anybody here")).to_contain_text("@Anna Okafor? (edited)")

    await message(anna, "Is anybody here").hover()
    await message(anna, "Is anybody here").get_by_test_id("more").click()
    await expect(anna.get_by_role("menuitem", name="Delete message")).to_have_count(0)
    await message(carla, "Is anybody here").hover()
    await message(carla, "Is anybody here").get_by_test_id("more").click()
    await carla.get_by_role("menuitem", name="Delete message").click()
    await carla.get_by_test_id("confirm-yes").click()
    await expect(message(anna, "Is anybody here")).to_have_count(0)


async def test_the_apps_answer_opens_the_thread_and_can_be_answered(open_page: OpenPage) -> None:
    carla, anna = await open_page(CARLA), await open_page(ANNA)
    await write(carla, "How do I export my data?")
    answer = message(carla, "then choose CSV", "#thread-messages")
    await expect(answer.locator(".app-badge")).to_be_visible()
    await expect(carla.locator("#composer")).to_be_focused()
    await write(carla, "Found it.", "#thread-composer")
    link = message(anna, "How do I export").get_by_test_id("thread-link")
    await expect(link).to_contain_text("2 replies")
    await expect(link).to_contain_text("Found it.")
    await link.click()
    await expect(message(anna, "Found it.", "#thread-messages")).to_be_visible()
    await anna.press("#thread-composer", "Escape")
    await expect(anna.locator("#thread")).to_be_hidden()


async def test_enter_sends_and_shift_enter_breaks_the_line(open_page: OpenPage) -> None:
    page = await open_page(CARLA, "C0QUIET")
    await expect(page.locator("#messages")).to_contain_text("Write as a customer: try")
    await page.type("#composer", "one")
    await page.press("#composer", "Shift+Enter")
    await page.type("#composer", "two")
    await page.press("#composer", "Enter")
    await expect(message(page, "one").locator("br")).to_have_count(1)


async def test_a_command_is_offered_run_and_answered_to_one_person(open_page: OpenPage) -> None:
    carla, anna = await open_page(CARLA), await open_page(ANNA)
    await carla.type("#composer", "/")
    await expect(carla.get_by_role("option", name="/desk")).to_be_visible()
    await carla.press("#composer", "Enter")
    await expect(carla.locator("#composer")).to_have_value("/desk ")
    await carla.type("#composer", "are you there")
    await carla.press("#composer", "Enter")
    ephemeral = message(carla, "You said: are you there")
    await expect(ephemeral).to_contain_text("Only visible to you")
    await expect(message(anna, "You said")).to_have_count(0)
    await ephemeral.get_by_test_id("dismiss").click()
    await expect(ephemeral).to_have_count(0)

    await carla.fill("#composer", "/nonsense")
    await carla.press("#composer", "Enter")
    await expect(carla.get_by_test_id("toasts")).to_contain_text("/nonsense: There is no such command")
    await expect(carla.locator("#composer")).to_have_value("/nonsense")


async def test_an_ephemeral_reaches_its_addressee_alone(open_page: OpenPage, heard: SimpleNamespace) -> None:
    carla, anna = await open_page(CARLA, "C0KIT"), await open_page(ANNA, "C0KIT")
    await heard.client.chat_postEphemeral(channel="C0KIT", user=ANNA, text="Between us")
    await heard.client.chat_postMessage(channel="C0KIT", text="For everybody")
    await expect(message(anna, "Between us")).to_be_visible()
    await expect(message(carla, "For everybody")).to_be_visible()
    await expect(message(carla, "Between us")).to_have_count(0)


async def test_unread_messages_are_counted_until_they_are_seen(
    open_page: OpenPage, heard: SimpleNamespace
) -> None:
    page = await open_page(ANNA)
    triage = page.locator("[data-channel=C0TRIAGE]")
    await heard.client.chat_postMessage(channel="C0TRIAGE", text="A case for you")
    await expect(triage.locator(".badge")).to_contain_text("1")
    await expect(page).to_have_title(re.compile(r"^\(\d\) #help"))
    await triage.click()
    await expect(message(page, "A case for you")).to_be_visible()
    await expect(triage.locator(".badge")).to_have_count(0)


async def test_a_permalink_leads_to_the_message(open_page: OpenPage, heard: SimpleNamespace) -> None:
    history = await heard.client.conversations_history(channel="C0HELP", oldest="0", limit=100)
    asked = next(m["ts"] for m in history["messages"] if "October" in m["text"])
    link = await heard.client.chat_getPermalink(channel="C0HELP", message_ts=asked)
    await heard.client.chat_postMessage(channel="C0TRIAGE", text=f"See <{link['permalink']}|the question>")
    page = await open_page(ANNA, "C0TRIAGE")
    await page.click("text=the question")
    await expect(message(page, "Settings → Billing", "#thread-messages")).to_be_visible()


async def test_a_message_shortcut_reaches_the_app(open_page: OpenPage, heard: SimpleNamespace) -> None:
    page = await open_page(ANNA)
    asked = message(page, "October")
    await asked.hover()
    await asked.get_by_test_id("more").click()
    await page.get_by_role("menuitem", name="Correct the label").click()
    await expect(page.locator(".menu")).to_have_count(0)
    for _ in range(50):
        if heard.shortcuts:
            break
        await asyncio.sleep(0.02)
    assert heard.shortcuts == [await asked.get_attribute("data-ts")]


async def test_the_home_is_each_persons_own(open_page: OpenPage) -> None:
    page = await open_page(ADA, "home")
    await expect(page.get_by_test_id("home")).to_contain_text("Welcome, @Ada Novak")
    await page.click(f"[data-person={CARLA}]")
    await expect(page.get_by_test_id("home")).to_contain_text("Welcome, @Carla Reyes")


async def test_a_lost_connection_is_shown_and_mended(browser: Browser, seed: dict[str, Any]) -> None:
    served = Sandbox(seed).start()
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{served.url}/#{CARLA}/C0HELP")
    await expect(message(page, "October")).to_be_visible()
    await asyncio.to_thread(served.stop)
    await expect(page.locator("#connection")).to_be_visible()
    await page.fill("#composer", "Anybody?")
    await page.press("#composer", "Enter")
    await expect(page.get_by_test_id("toasts")).to_contain_text("cannot be reached")
    again = Sandbox(seed, port=served.port).start()
    await expect(page.locator("#connection")).to_be_hidden(timeout=10_000)
    await page.press("#composer", "Enter")
    await expect(message(page, "Anybody?")).to_be_visible()
    await context.close()
    await asyncio.to_thread(again.stop)


async def test_a_phone_shows_one_pane_at_a_time(open_page: OpenPage) -> None:
    page = await open_page(CARLA, viewport={"width": 390, "height": 844})
    await expect(page.locator("#rail")).to_be_hidden()
    await message(page, "October").get_by_test_id("thread-link").click()
    await expect(page.locator("#thread")).to_be_visible()
    await expect(page.locator("#main")).to_be_hidden()
    await page.click("#close-thread")
    await page.click("#open-rail")
    await page.click("[data-channel=C0KIT]")
    await expect(page.locator("#rail")).to_be_hidden()
    await expect(page.locator("#place-name")).to_have_text("kit")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

"""Take the README's picture: the demo's page as a customer and as an agent, side by side, into docs/demo.png.

python bench/picture.py
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bot.demo.run import running
from bot.demo.workspace import ANNA, BEN, CARLA, HELP, TRIAGE

SIZE = {"width": 900, "height": 820}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]


def write(page: Page, text: str) -> None:
    page.fill("#composer", text)
    page.press("#composer", "Enter")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="softanswer-picture-"))
    with running(folder, 0) as sandbox, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        customer, agent = (browser.new_page(viewport=SIZE) for _ in range(2))
        agent.goto(f"{sandbox.url}/#{ANNA}/{TRIAGE}")
        customer.goto(f"{sandbox.url}/#{CARLA}/{HELP}")
        write(customer, "Hi! How can I export all our data to Excel?")
        customer.get_by_text("You'll find exports under").and_(customer.locator(":visible")).first.wait_for()
        other = browser.new_page(viewport=SIZE)
        other.goto(f"{sandbox.url}/#{BEN}/{HELP}")
        write(other, "Third time this week the export dies on me. We lose half a day every time!!")
        agent.get_by_text("dies on me").first.wait_for()
        agent.get_by_role("button", name="Take it").click()
        agent.get_by_text("Taken by").first.wait_for()
        shots = []
        for name, page in (("customer", customer), ("agent", agent)):
            page.mouse.move(0, 0)
            page.screenshot(path=folder / f"{name}.png")
            shots.append(Image.open(folder / f"{name}.png"))
        browser.close()
    both = Image.new("RGB", (SIZE["width"] * 2 + 16, SIZE["height"]), "white")
    both.paste(shots[0], (0, 0))
    both.paste(shots[1], (SIZE["width"] + 16, 0))
    both.save(Path(__file__).parent.parent / "docs" / "demo.png", optimize=True)


if __name__ == "__main__":
    main()

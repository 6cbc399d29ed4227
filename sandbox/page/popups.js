// Questions, menus and short notices.

import { byId, h, icon, iconButton } from "./dom.js";
import { EMOJI, PICKER } from "./formats.js";

/** A question with two answers; resolves to true for the first. */
export function ask({ title, body, yes, no, danger }) {
  const dialog = byId("confirm");
  dialog.replaceChildren(
    h(
      "form",
      { method: "dialog" },
      h("header.modal-head", h("h2", { id: "confirm-title" }, title)),
      h("div.modal-body", body),
      h(
        "footer.modal-foot",
        h("button.button", { type: "submit", value: "no", data: { testid: "confirm-no" } }, no),
        h(
          "button",
          {
            type: "submit",
            class: `button button-${danger ? "danger" : "primary"}`,
            value: "yes",
            autofocus: true,
            data: { testid: "confirm-yes" },
          },
          yes,
        ),
      ),
    ),
  );
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }),
  );
}

/** A small panel at a button: in the top layer, closed by Escape or a click elsewhere. */
function floating(anchor, panel) {
  panel.popover = "auto";
  (anchor.closest("dialog") ?? document.body).append(panel);
  panel.showPopover();
  const [at, size] = [anchor.getBoundingClientRect(), panel.getBoundingClientRect()];
  panel.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
  const isTooLow = at.bottom + size.height + 8 > innerHeight;
  panel.style.top = `${isTooLow ? Math.max(8, at.top - size.height - 4) : at.bottom + 4}px`;
  panel.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    const hadFocus = panel.contains(document.activeElement) || document.activeElement === document.body;
    panel.remove();
    if (hadFocus) anchor.focus();
  });
  panel.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const items = [...panel.querySelectorAll("button")];
    items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
    event.preventDefault();
  });
  panel.querySelector("button")?.focus();
}

export function menu(anchor, items) {
  const panel = h("div.menu", { role: "menu" });
  for (const { label, iconName, danger, run } of items) {
    panel.append(
      h(
        "button",
        {
          role: "menuitem",
          class: danger ? "menu-item menu-danger" : "menu-item",
          on: { click: () => (panel.hidePopover(), run()) },
        },
        iconName ? icon(iconName) : null,
        label,
      ),
    );
  }
  floating(anchor, panel);
}

export function pickEmoji(anchor, onPick) {
  const panel = h("div.menu.emoji-grid", { role: "group", "aria-label": "Emoji" });
  for (const name of PICKER)
    panel.append(
      h(
        "button",
        {
          "aria-label": name.replaceAll("_", " "),
          title: `:${name}:`,
          data: { emoji: name },
          on: { click: () => (panel.hidePopover(), onPick(name)) },
        },
        EMOJI[name],
      ),
    );
  floating(anchor, panel);
}

export function toast(text) {
  const note = h(
    "div.toast",
    h("span", text),
    iconButton("close", "Dismiss", () => note.remove()),
  );
  byId("toasts").append(note);
  setTimeout(() => note.remove(), 8000);
}

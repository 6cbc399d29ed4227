// Writing a message.

import { call, explain } from "./api.js";
import { openAnsweredThread, topLevel } from "./conversation.js";
import { isDirect, nameOf, placeName, roleOf } from "./directory.js";
import { byId, h } from "./dom.js";
import { iconButton } from "./icons.js";
import { pickEmoji, toast } from "./popups.js";
import { store } from "./state.js";
import { suggestionsFor } from "./suggestions.js";
import { insert, surround } from "./text_field.js";

const SUGGESTIONS = ["How do I export my data?", "This is the third time this week the export dies on me.", "Thank you, that worked!"];

/** Puts a composer for this person and place into an area, unless it is already there. */
export function placeComposer(id, area, channel, threadTs, { takeFocus = true } = {}) {
  const key = [store.me.id, channel.id, threadTs].filter(Boolean).join("/");
  if (area.dataset.key === key && area.childElementCount) return;
  area.dataset.key = key;
  const where = threadTs ? "Reply" : `Message ${isDirect(channel) ? placeName(channel) : `#${channel.name}`}`;
  const field = h("textarea", {
    id,
    rows: 1,
    placeholder: `${where} as ${nameOf(store.me)}`,
    "aria-label": `${where} as ${nameOf(store.me)}`,
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": `${id}-suggestions`,
    "aria-autocomplete": "list",
    autocomplete: "off",
  });
  const list = h("ul", { id: `${id}-suggestions`, class: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true });
  const sendButton = iconButton("send", "Send", () => send(), { class: "send", disabled: true, type: "submit" });
  const wrapWith = (mark) => () => surround(field, mark);
  const form = h(
    "form.composer",
    list,
    h(
      "div.composer-tools",
      iconButton("bold", "Bold", wrapWith("*")),
      iconButton("italic", "Italic", wrapWith("_")),
      iconButton("strike", "Strikethrough", wrapWith("~")),
      iconButton("code", "Code", wrapWith("`")),
      iconButton("smile", "Emoji", (event) => pickEmoji(event.currentTarget, (name) => insert(field, `:${name}: `))),
    ),
    field,
    h(
      "div.composer-foot",
      h(
        "span.composer-hint",
        h("kbd", "Enter"),
        " to send, ",
        h("kbd", "Shift"),
        " + ",
        h("kbd", "Enter"),
        " for a new line, ",
        h("kbd", "/"),
        " for commands",
      ),
      sendButton,
    ),
  );
  const suggestions = suggestionsFor(field, list);
  const redraw = () => {
    store.drafts.set(key, field.value);
    sendButton.disabled = !field.value.trim();
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 240)}px`;
    suggestions.update();
  };

  async function send() {
    const text = field.value.trim();
    if (!text || form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const isCommand = /^\/\w/.test(text);
    const answer = isCommand
      ? await call("command", { channel: channel.id, text, thread_ts: threadTs ?? undefined })
      : await call("say", { channel: channel.id, text: text, thread_ts: threadTs ?? undefined });
    form.removeAttribute("aria-busy");
    if (!answer.ok) return toast(isCommand ? `${text.split(/\s/)[0]}: ${explain(answer.error)}` : explain(answer.error));
    if (answer.ts && !threadTs) store.sentHere.add(answer.ts);
    openAnsweredThread(channel.id, answer.ts);
    field.value = "";
    redraw();
    const view = byId(threadTs ? "thread-messages" : "messages");
    view.scrollTop = view.scrollHeight;
    area.querySelector(".tries")?.remove();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  field.addEventListener("input", redraw);
  field.addEventListener("blur", () => suggestions.hide());
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || suggestions.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  });
  field.value = store.drafts.get(key) ?? "";
  const fill = (text) => {
    field.value = text;
    redraw();
    field.focus();
  };
  area.replaceChildren(...[!threadTs && firstWords(channel, fill), form].filter(Boolean));
  redraw();
  if (takeFocus && matchMedia("(hover: hover)").matches) field.focus({ preventScroll: true });
}

/** For a customer who has not written here yet: sentences that show what the workspace can do. */
function firstWords(channel, fill) {
  const wrote = topLevel(channel.id).some((message) => message.user === store.me.id && Number(message.ts) > store.openedAt);
  if (roleOf(store.me) !== "customer" || isDirect(channel) || wrote) return null;
  return h(
    "div.tries",
    h("span", "Try"),
    SUGGESTIONS.map((text) => h("button.try", { on: { click: () => fill(text) } }, text)),
  );
}

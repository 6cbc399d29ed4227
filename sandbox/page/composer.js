// Writing a message: the field, and the list of commands and people above it.

import { call, errorText } from "./api.js";
import { byId, h, iconButton } from "./dom.js";
import { pickEmoji, toast } from "./popups.js";
import { store } from "./state.js";
import { isDirect, nameOf, openAnsweredThread, placeName, roleOf, topLevel } from "./workspace.js";

const EXAMPLE_MESSAGES = [
  "How do I export my data?",
  "This is the third time this week the export dies on me.",
  "Thank you, that worked!",
];

/** Puts a composer for this person and place into an area, unless it is already there. */
export function placeComposer(id, area, channel, threadTs, { takeFocus = true } = {}) {
  const key = [store.me.id, channel.id, threadTs].filter(Boolean).join("/");
  if (area.dataset.key === key && area.childElementCount) return;
  area.dataset.key = key;
  const channelName = isDirect(channel) ? placeName(channel) : `#${channel.name}`;
  const where = threadTs ? "Reply" : `Message ${channelName}`;
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
  const list = h("ul", {
    id: `${id}-suggestions`,
    class: "suggestions",
    role: "listbox",
    "aria-label": "Suggestions",
    hidden: true,
  });
  const sendButton = iconButton("send", "Send", () => send(), {
    class: "send",
    disabled: true,
    type: "submit",
  });
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
      iconButton("smile", "Emoji", (event) =>
        pickEmoji(event.currentTarget, (name) => insert(field, `:${name}: `)),
      ),
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
    if (!answer.ok) {
      const reason = errorText(answer.error);
      return toast(isCommand ? `${text.split(/\s/)[0]}: ${reason}` : reason);
    }
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
  area.replaceChildren(...[!threadTs && exampleMessages(channel, fill), form].filter(Boolean));
  redraw();
  if (takeFocus && matchMedia("(hover: hover)").matches) field.focus({ preventScroll: true });
}

/** For a customer who has not written here yet: sentences that show what the workspace can do. */
function exampleMessages(channel, fill) {
  const wrote = topLevel(channel.id).some(
    (message) => message.user === store.me.id && Number(message.ts) > store.openedAt,
  );
  if (roleOf(store.me) !== "customer" || isDirect(channel) || wrote) return null;
  return h(
    "div.tries",
    h("span", "Try"),
    EXAMPLE_MESSAGES.map((text) => h("button.try", { on: { click: () => fill(text) } }, text)),
  );
}

/** The list above a composer: the app's commands after `/`, people after `@`. */
function suggestionsFor(field, list) {
  let items = [];
  let chosen = 0;

  function find() {
    const before = field.value.slice(0, field.selectionStart);
    const slash = /^\/\S*$/.exec(before);
    const at = /(?:^|\s)@([\w.-]*)$/.exec(before);
    if (slash)
      return commands()
        .filter(({ word }) => word.startsWith(slash[0]) && word !== slash[0].trim())
        .map((item) => ({ ...item, from: 0 }));
    if (at)
      return mentionable()
        .filter(({ word, detail }) => `${word} ${detail}`.toLowerCase().includes(at[1].toLowerCase()))
        .map((item) => ({ ...item, from: before.length - at[1].length - 1 }));
    return [];
  }
  function update() {
    items = document.activeElement === field ? find().slice(0, 8) : [];
    chosen = 0;
    draw();
  }
  function draw() {
    list.hidden = items.length === 0;
    field.setAttribute("aria-expanded", String(items.length > 0));
    list.replaceChildren(
      ...items.map((item, index) =>
        h(
          "li",
          {
            role: "option",
            id: `${list.id}-${index}`,
            "aria-selected": String(index === chosen),
            on: { pointerdown: (event) => (event.preventDefault(), take(item)) },
          },
          h("strong", item.word),
          h("span", item.detail),
        ),
      ),
    );
    if (items.length) field.setAttribute("aria-activedescendant", `${list.id}-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  }
  function take(item) {
    field.setSelectionRange(item.from, field.selectionStart);
    insert(field, `${item.word} `);
  }
  function hide() {
    items = [];
    draw();
  }
  /** Returns true if the key was for the list. */
  function key(event) {
    if (!items.length) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) chosen = (chosen + step + items.length) % items.length;
    else if (event.key === "Escape") items = [];
    else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") take(items[chosen]);
    else return false;
    event.preventDefault();
    draw();
    return true;
  }
  return { update, hide, key };
}

function commands() {
  const { commands: listed = [], app } = store.workspace;
  const name = app?.name ?? "the app";
  return listed.map((word) => ({ word, detail: `A command of ${name}; try “${word} help”` }));
}

function mentionable() {
  const app = store.workspace.app ?? {};
  const people = (store.workspace.people ?? [])
    .filter((person) => person.id !== app.bot_user)
    .map((person) => ({ word: `@${person.name}`, detail: nameOf(person) }));
  const bot = app.name ? [{ word: `@${app.name}`, detail: "App" }] : [];
  return [...people, ...bot, { word: "@here", detail: "Everyone who is here" }];
}

function insert(field, text) {
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input"));
  field.focus();
}

function surround(field, mark) {
  const chosen = field.value.slice(field.selectionStart, field.selectionEnd);
  insert(field, mark + chosen + mark);
  if (!chosen) field.setSelectionRange(field.selectionStart - 1, field.selectionStart - 1);
}

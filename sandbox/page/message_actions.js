// What a person can do with a message: react, reply, edit, delete, shortcuts.

import { call, errorText } from "./api.js";
import { h, icon, iconButton } from "./dom.js";
import { emoji, unescapeText } from "./formats.js";
import { groupHandle } from "./markup.js";
import { ask, menu, pickEmoji, toast } from "./popups.js";
import { store } from "./state.js";
import { author, placeHash } from "./workspace.js";

export function messageTools(message, channel, { mine, inThread, node }) {
  const addReaction = (event) => pickEmoji(event.currentTarget, (name) => react(message, channel, name));
  const tools = h("div.message-tools", { role: "group", "aria-label": "Message actions" });
  tools.append(iconButton("smile", "Add a reaction", addReaction, { "data-testid": "react" }));
  if (!inThread)
    tools.append(
      h(
        "a.icon-button",
        {
          href: placeHash(store.me.id, channel, message.ts),
          "aria-label": "Reply in thread",
          title: "Reply in thread",
          data: { testid: "reply" },
        },
        icon("reply"),
      ),
    );
  const items = [];
  if (mine)
    items.push(
      { label: "Edit message", iconName: "edit", run: () => editMessage(message, channel, node) },
      {
        label: "Delete message",
        iconName: "trash",
        danger: true,
        run: () => deleteMessage(message, channel),
      },
    );
  for (const shortcut of store.workspace.app?.shortcuts ?? [])
    items.push({
      label: shortcut.name ?? shortcut.callback_id,
      iconName: "app",
      run: () => runShortcut(shortcut, channel, message),
    });
  if (items.length)
    tools.append(
      iconButton("more", "More actions", (event) => menu(event.currentTarget, items), {
        "aria-haspopup": "menu",
        "data-testid": "more",
      }),
    );
  return tools;
}

async function runShortcut(shortcut, channel, message) {
  const answer = await call("shortcut", { callback_id: shortcut.callback_id, channel, ts: message.ts });
  if (!answer.ok) toast(errorText(answer.error));
}

function editMessage(message, channel, node) {
  const field = h("textarea.field", {
    rows: 3,
    "aria-label": "Edit your message",
    data: { testid: "edit-field" },
  });
  const content = node.querySelector(".message-content");
  const close = () => editor.replaceWith(content);
  const save = async () => {
    const answer = await call("edit", { channel, ts: message.ts, text: field.value.trim() });
    if (!answer.ok) toast(errorText(answer.error));
    else close();
  };
  const editor = h(
    "div.editor",
    field,
    h(
      "div.editor-buttons",
      h("button.button.button-small", { on: { click: close } }, "Cancel"),
      h("button.button.button-small.button-primary", { on: { click: save } }, "Save"),
    ),
  );
  field.value = editable(message.text);
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      save();
    }
  });
  content.replaceWith(editor);
  field.focus();
}

async function deleteMessage(message, channel) {
  const confirmed = await ask({
    title: "Delete this message?",
    body: "It cannot be brought back.",
    yes: "Delete",
    no: "Keep it",
    danger: true,
  });
  if (!confirmed) return;
  const answer = await call("delete", { channel, ts: message.ts });
  if (!answer.ok) toast(errorText(answer.error));
}

export function reactionRow(message, channel) {
  if (!message.reactions?.length) return null;
  const chips = message.reactions.map((reaction) => {
    const mine = reaction.users?.includes(store.me.id) ?? false;
    const names = (reaction.users ?? []).map((id) => author({ user: id }).name).join(", ");
    return h(
      "button.reaction",
      {
        "aria-pressed": String(mine),
        title: `${names} reacted with :${reaction.name}:`,
        data: { reaction: reaction.name },
        on: { click: () => react(message, channel, reaction.name, mine) },
      },
      emoji(reaction.name),
      h("span", String(reaction.count ?? reaction.users?.length ?? 1)),
    );
  });
  const addReaction = (event) => pickEmoji(event.currentTarget, (name) => react(message, channel, name));
  return h(
    "div.reactions",
    chips,
    iconButton("smile", "Add a reaction", addReaction, { class: "reaction reaction-add" }),
  );
}

async function react(message, channel, name, remove = false) {
  const answer = await call("react", { channel, ts: message.ts, name, remove });
  if (!answer.ok && answer.error !== "already_reacted") toast(errorText(answer.error));
}

/** A message's text as it was typed, for editing; the server turns names and links into references again. */
function editable(text) {
  const words = (text ?? "")
    .replace(/<@(\w+)(?:\|[^>]*)?>/g, (source, id) => {
      const person = (store.workspace.people ?? []).find((one) => one.id === id);
      return person ? `@${person.name}` : source;
    })
    .replace(/<#\w+\|([^>]*)>/g, "#$1")
    .replace(/<!(here|channel|everyone)>/g, "@$1")
    .replace(/<!subteam\^(\w+)[^>]*>/g, (source, id) => (groupHandle(id) ? `@${groupHandle(id)}` : source))
    .replace(/<((?:https?|mailto):[^|>]+)(?:\|[^>]*)?>/g, "$1");
  return unescapeText(words);
}

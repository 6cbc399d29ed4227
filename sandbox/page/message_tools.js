// What a person can do with a message: reply, edit, delete, shortcuts.

import { call, explain } from "./api.js";
import { placeHash } from "./directory.js";
import { h } from "./dom.js";
import { icon, iconButton } from "./icons.js";
import { ask, menu, pickEmoji, toast } from "./popups.js";
import { react } from "./reactions.js";
import { store } from "./state.js";
import { editable } from "./text_field.js";

export function messageTools(message, channel, { mine, inThread, node }) {
  const tools = h("div.message-tools", { role: "group", "aria-label": "Message actions" });
  tools.append(
    iconButton("smile", "Add a reaction", (event) => pickEmoji(event.currentTarget, (name) => react(message, channel, name)), {
      "data-testid": "react",
    }),
  );
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
      { label: "Edit message", glyph: "edit", run: () => editMessage(message, channel, node) },
      { label: "Delete message", glyph: "trash", danger: true, run: () => deleteMessage(message, channel) },
    );
  for (const shortcut of store.workspace.app?.shortcuts ?? [])
    items.push({ label: shortcut.name ?? shortcut.callback_id, glyph: "app", run: () => runShortcut(shortcut, channel, message) });
  if (items.length)
    tools.append(
      iconButton("more", "More actions", (event) => menu(event.currentTarget, items), { "aria-haspopup": "menu", "data-testid": "more" }),
    );
  return tools;
}

async function runShortcut(shortcut, channel, message) {
  const answer = await call("shortcut", { callback_id: shortcut.callback_id, channel, ts: message.ts });
  if (!answer.ok) toast(explain(answer.error));
}

function editMessage(message, channel, node) {
  const field = h("textarea.field", { rows: 3, "aria-label": "Edit your message", data: { testid: "edit-field" } });
  const content = node.querySelector(".message-content");
  const close = () => editor.replaceWith(content);
  const save = async () => {
    const answer = await call("edit", { channel, ts: message.ts, text: field.value.trim() });
    if (!answer.ok) toast(explain(answer.error));
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
  if (!(await ask({ title: "Delete this message?", body: "It cannot be brought back.", yes: "Delete", no: "Keep it", danger: true })))
    return;
  const answer = await call("delete", { channel, ts: message.ts });
  if (!answer.ok) toast(explain(answer.error));
}

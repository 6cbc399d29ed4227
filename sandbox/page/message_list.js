// A list of messages.

import { focusWithin, h } from "./dom.js";
import { dateOf, dayName } from "./formats.js";
import { messageNode } from "./message.js";
import { store } from "./state.js";
import { author, replies } from "./workspace.js";

/** Scrolls the message that the address names into view. */
export function revealLinkedMessage() {
  const found = [...document.querySelectorAll(`.message[data-ts="${CSS.escape(store.linkedTs ?? "")}"]`)];
  if (!found.length) return;
  found.forEach((node) => node.scrollIntoView({ block: "nearest" }));
  if (store.linkedTs !== store.thread) found.forEach((node) => node.classList.add("message-flash"));
  store.linkedTs = null;
}

/** Shows messages in order; a node whose content has not changed stays, so that nothing in use is lost. */
export function renderMessages(container, messages, channel, { inThread = false, empty }) {
  const key = `${store.me.id} ${channel} ${inThread ? store.thread : ""}`;
  const isOtherList = container.dataset.shows !== key;
  if (isOtherList) container.replaceChildren();
  container.dataset.shows = key;
  const atEnd = isOtherList || container.scrollHeight - container.scrollTop - container.clientHeight < 80;

  const rows = [];
  let previous = null;
  for (const message of messages) {
    const day = dayName(dateOf(message.ts));
    const newDay = !inThread && (!previous || dayName(dateOf(previous.ts)) !== day);
    if (newDay) rows.push({ key: `day ${day}`, signature: day, build: () => h("div.day", h("span", day)) });
    const compact = !newDay && continues(previous, message) && !(inThread && previous?.ts === store.thread);
    const thread = inThread ? [] : replies(channel, message.ts);
    const signature = JSON.stringify([
      message,
      compact,
      thread.map((reply) => [reply.ts, reply.text, reply.user ?? reply.bot_id]),
      store.expanded.has(message.ts),
    ]);
    const build = () => messageNode(message, { channel, compact, thread, inThread });
    rows.push({ key: message.ts, signature, build });
    if (inThread && message.ts === store.thread) {
      const count = messages.length;
      rows.push({ key: "count", signature: String(count), build: () => threadRule(count - 1) });
    }
    previous = message;
  }
  if (!rows.length) rows.push({ key: "empty", signature: "", build: empty });
  reconcile(container, rows);
  if (atEnd) container.scrollTop = container.scrollHeight;
}

const threadRule = (count) =>
  h(
    "div.day.day-left",
    h("span", count === 0 ? "No replies yet" : count === 1 ? "1 reply" : `${count} replies`),
  );

function continues(previous, message) {
  if (!previous || previous.ephemeral || message.ephemeral) return false;
  if (previous.reply_count || previous.subtype === "tombstone") return false;
  const [one, other] = [author(previous), author(message)];
  return one.id === other.id && one.name === other.name && message.ts - previous.ts < 300;
}

function reconcile(container, rows) {
  const kept = new Map([...container.children].map((node) => [node.dataset.key, node]));
  let cursor = container.firstElementChild;
  for (const row of rows) {
    let node = kept.get(row.key);
    if (!node || node.signature !== row.signature) {
      const old = node;
      node = row.build();
      node.dataset.key = row.key;
      node.signature = row.signature;
      if (old) {
        const focus = focusWithin(old);
        old.replaceWith(node);
        if (cursor === old) cursor = node;
        if (focus) (node.querySelector(focus) ?? node).focus({ preventScroll: true });
      }
    }
    kept.delete(row.key);
    if (node === cursor) cursor = cursor.nextElementSibling;
    else container.insertBefore(node, cursor);
  }
  for (const node of kept.values()) node.remove();
}

// One message.

import { blocks } from "./blocks.js";
import { h, icon } from "./dom.js";
import { clock, dateOf, number } from "./formats.js";
import { link, mrkdwn } from "./markup.js";
import { fileCard } from "./media.js";
import { messageTools, reactionRow } from "./message_actions.js";
import { render, store } from "./state.js";
import { author, avatar, placeHash } from "./workspace.js";

export function messageExcerpt(message) {
  const nodes = message.text ? [mrkdwn(message.text.slice(0, 600))] : blocks(message.blocks ?? [], {});
  return h("div", nodes).textContent.replace(/\s+/g, " ").slice(0, 300);
}

export function messageNode(message, { channel, compact, thread, inThread }) {
  const who = author(message);
  const mine = message.user === store.me.id && !message.bot_id;
  const when = dateOf(message.ts);
  const time = h("time", { datetime: when.toISOString(), title: when.toLocaleString() }, clock(when));
  const node = h("article", {
    class: [
      "message",
      compact && "message-compact",
      mine && "message-mine",
      message.ephemeral && "message-ephemeral",
      message.subtype === "tombstone" && "message-gone",
    ]
      .filter(Boolean)
      .join(" "),
    tabindex: "0",
    "aria-label": `${who.name}, ${clock(when)}`,
    data: { ts: message.ts, testid: "message", ephemeral: message.ephemeral ? "true" : null },
    on: { keydown: moveBetweenMessages },
  });
  const badge = who.isBot && h("span.app-badge", "APP");
  const headline = h("div.message-head", h("bdi.message-author", who.name), badge, time);
  const notice =
    message.ephemeral &&
    h(
      "p.ephemeral-note",
      icon("eye"),
      "Only visible to you",
      h(
        "button.link-button",
        { data: { testid: "dismiss" }, on: { click: () => dismiss(message.ts) } },
        "Dismiss",
      ),
    );
  node.append(
    h("div.message-gutter", compact ? time : avatar(who)),
    h(
      "div.message-body",
      notice,
      !compact && headline,
      messageContent(message, channel),
      reactionRow(message, channel),
      !inThread && threadLink(message, thread, channel),
    ),
  );
  if (!message.ephemeral && message.subtype !== "tombstone")
    node.append(messageTools(message, channel, { mine, inThread, node }));
  return node;
}

// Characters of a message that are shown at first: laying out 40,000 takes a browser seconds.
const MAX_SHOWN = 3000;

function messageContent(message, channel) {
  const edited = message.edited && !message.bot_id && h("small.edited", " (edited)");
  const files = message.files?.length && h("div.files", message.files.map(fileCard));
  const surface = { channel, ts: message.ts };
  const more = (message.attachments ?? []).map((attachment) => attachmentNode(attachment, surface));
  if (message.blocks?.length)
    return h("div", h("div.message-content", blocks(message.blocks, surface), edited), more, files);
  const text = message.text ?? "";
  const open = store.expanded.has(message.ts);
  const long = text.length > MAX_SHOWN || text.split("\n").length > 60;
  const cut = () => `${text.slice(0, MAX_SHOWN).replace(/\s+\S*$/, "")} …`;
  const shown = open || text.length <= MAX_SHOWN ? text : cut();
  const content = h(
    "div",
    { class: long && !open ? "message-content text content-cut" : "message-content text", dir: "auto" },
    mrkdwn(shown),
    edited,
  );
  const label = open ? "Show less" : `Show more (${number.format(text.length)} characters)`;
  const toggle =
    long &&
    h(
      "button.link-button",
      {
        "aria-expanded": String(open),
        data: { testid: "show-more" },
        on: { click: () => expand(message.ts, !open) },
      },
      label,
    );
  return h("div", content, toggle, more, files);
}

/** An attachment: content beside a coloured bar. */
function attachmentNode(attachment, surface) {
  const linkedTitle = () => attachment.title_link && link(attachment.title_link, attachment.title);
  const title = attachment.title && h("strong", linkedTitle() || mrkdwn(attachment.title));
  const content = attachment.blocks
    ? blocks(attachment.blocks, surface)
    : [title, h("div.text", { dir: "auto" }, mrkdwn(attachment.text ?? attachment.fallback))];
  const node = h("div.attachment", content);
  if (/^#?[0-9a-f]{6}$/i.test(attachment.color ?? ""))
    node.style.borderLeftColor = `#${attachment.color.replace("#", "")}`;
  return node;
}

function expand(ts, open) {
  if (open) store.expanded.add(ts);
  else store.expanded.delete(ts);
  render();
}

function dismiss(ts) {
  store.dismissed.add(ts);
  render();
}

function threadLink(message, thread, channel) {
  const count = Math.max(thread.length, message.reply_count ?? 0);
  if (!count) return null;
  const last = thread.at(-1);
  const authorsById = new Map(thread.map((reply) => [author(reply).id, author(reply)]));
  const authors = [...authorsById.values()].slice(0, 4);
  return h(
    "a.thread-link",
    { href: placeHash(store.me.id, channel, message.ts), data: { testid: "thread-link" } },
    h(
      "span.faces",
      authors.map((one) => avatar(one, "avatar-tiny")),
    ),
    h("strong", count === 1 ? "1 reply" : `${count} replies`),
    last && h("span.thread-preview", h("bdi", `${author(last).name}: ${messageExcerpt(last)}`)),
  );
}

function moveBetweenMessages(event) {
  if (event.target !== event.currentTarget || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const all = [...event.currentTarget.parentElement.querySelectorAll(".message")];
  const next = all[all.indexOf(event.currentTarget) + (event.key === "ArrowUp" ? -1 : 1)];
  next?.focus();
  if (next) event.preventDefault();
}

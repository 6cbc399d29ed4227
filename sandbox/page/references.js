// Mentions, dates and links in a text.

import { author, placeHash } from "./directory.js";
import { h } from "./dom.js";
import { clock, dayName, unescapeText } from "./formats.js";
import { store } from "./state.js";

/** What stands between angle brackets: a person, a channel, a broadcast, a date or a link; null for anything else. */
export function reference(source) {
  const bar = source.indexOf("|");
  const target = bar < 0 ? source : source.slice(0, bar);
  const label = bar < 0 ? "" : unescapeText(source.slice(bar + 1));
  if (/^@[UWB]\w+$/.test(target)) return personMention(target.slice(1), label);
  if (/^#[CGD]\w+$/.test(target)) return channelMention(target.slice(1), label);
  if (/^!(here|channel|everyone)$/.test(target)) return h("span.mention.mention-me", `@${target.slice(1)}`);
  if (target.startsWith("!subteam^")) return groupMention(target.slice("!subteam^".length), label);
  if (target.startsWith("!date^")) return dateMention(target, label);
  return link(unescapeText(target), label);
}

export function personMention(id, label) {
  const name = label || author({ user: id }).name;
  return h(
    "span",
    { class: id === store.me?.id ? "mention mention-me" : "mention", data: { user: id } },
    h("bdi", `@${name.replace(/^@/, "")}`),
  );
}

export const groupHandle = (id) => store.workspace.usergroups?.find((group) => group.id === id)?.handle;

export function groupMention(id, label) {
  const group = store.workspace.usergroups?.find((one) => one.id === id);
  return h(
    "span",
    { class: group?.users?.includes(store.me?.id) ? "mention mention-me" : "mention" },
    group ? `@${group.handle}` : label || "@group",
  );
}

export function channelMention(id, label) {
  const known = store.channels.get(id);
  const name = `#${known?.name ?? (label || id)}`;
  return known ? h("a.mention", { href: placeHash(store.me.id, id) }, name) : h("span.mention", name);
}

export function dateMention(target, fallback) {
  const [, seconds, format = ""] = target.split("^");
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return fallback;
  const text = format.replace(/\{(\w+)\}/g, (_, token) => (token.startsWith("time") ? clock(date) : dayName(date)));
  return h("time", { datetime: date.toISOString(), title: fallback }, text);
}

/** A link, if its scheme can do no harm. The permalink of a message that this person can see leads there. */
export function link(url, label = "") {
  if (!/^(https?:\/\/|mailto:)[^\s]+$/i.test(url)) return null;
  const [, domain, channel, seconds, micros] = /^https:\/\/([\w-]+)\.slack\.com\/archives\/(\w+)\/p(\d{10})(\d{6})/.exec(url) ?? [];
  if (channel && domain === store.workspace.team?.domain && store.channels.has(channel)) {
    return h("a", { href: placeHash(store.me.id, channel, `${seconds}.${micros}`), title: "Show the message" }, h("bdi", label || url));
  }
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }, h("bdi", label || url.replace(/^mailto:/i, "")));
}

// People, channels and their messages: names, roles, order, and the address of each.

import { h, icon } from "./dom.js";
import { store } from "./state.js";

const ROLES = [
  ["admin", /admin|owner/i],
  ["agent", /agent|support/i],
];

export const titleOf = (person) => person.profile?.title ?? "";
export const roleOf = (person) =>
  ROLES.find(([, words]) => words.test(titleOf(person)))?.[0] ?? (person.is_admin ? "admin" : "customer");
export const nameOf = (person) => person.real_name || person.name;

export const initials = (name) =>
  name
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => [...word][0])
    .slice(0, 2)
    .join("")
    .toUpperCase();

export const placeHash = (user, channel, ts) => `#${[user, channel, ts].filter(Boolean).join("/")}`;

/** Who wrote a message: {id, name, isBot}. */
export function author(message) {
  const app = store.workspace.app ?? {};
  const ours = message.bot_id === app.bot_id || message.user === app.bot_user;
  if (message.bot_id || ours)
    return {
      id: message.bot_id ?? message.user,
      name: message.username || (ours ? app.name : message.bot_profile?.name) || "App",
      isBot: true,
    };
  const person = [...store.people, ...(store.workspace.people ?? [])].find((one) => one.id === message.user);
  const name = person ? nameOf(person) : (message.username ?? message.user ?? "Someone");
  return { id: message.user, name, isBot: false };
}

export function avatar({ id, name, isBot }, size = "") {
  const letters = size === "avatar-tiny" ? [...initials(name)][0] : initials(name);
  return h(
    "span",
    { class: `avatar ${size}`, "aria-hidden": "true", data: { tint: isBot ? "app" : tintOf(id) } },
    isBot ? icon("app") : letters,
  );
}

/** The role's own colour for its first person, other colours for the next ones. */
function tintOf(id) {
  const person = store.people.find((one) => one.id === id);
  if (!person) return "none";
  const peers = store.people.filter((one) => roleOf(one) === roleOf(person));
  return `${roleOf(person)}-${peers.indexOf(person) % 4}`;
}

export const isDirect = (channel) => channel.is_im;

export function placeName(channel) {
  if (!isDirect(channel)) return channel.name;
  const others = channel.members.filter((id) => id !== store.me.id).map((id) => author({ user: id }).name);
  return others.join(", ") || channel.name || "Direct message";
}

/**
 * Opens the thread in which the app answers what was asked in this window. The answer may come before the
 * response to the request that sent the question.
 */
export function openAnsweredThread(channel, root) {
  const answered =
    store.sentHere.has(root) && replies(channel, root).some((message) => author(message).isBot);
  if (!answered || store.place !== channel || store.thread || innerWidth < 1100) return;
  store.threadOpenedAutomatically = true; // then the thread's composer does not take the focus
  location.hash = placeHash(store.me.id, channel, root);
}

export const isTopLevel = (message) =>
  !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";

const inOrder = (channel) =>
  [...(store.messages.get(channel)?.values() ?? [])]
    .filter((message) => !store.dismissed.has(message.ts))
    .sort((a, b) => (a.ts < b.ts ? -1 : 1));

export const topLevel = (channel) => inOrder(channel).filter(isTopLevel);
export const replies = (channel, root) =>
  inOrder(channel).filter((message) => message.thread_ts === root && message.ts !== root);

export const rootOf = (channel, ts) => store.messages.get(channel)?.get(ts)?.thread_ts ?? ts;

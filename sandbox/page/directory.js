// People, roles and channels by name, and the address of each.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { store } from "./state.js";

const ROLES = [
  ["admin", /admin|owner/i],
  ["agent", /agent|support/i],
];

export const titleOf = (person) => person.profile?.title ?? "";
export const roleOf = (person) => ROLES.find(([, words]) => words.test(titleOf(person)))?.[0] ?? (person.is_admin ? "admin" : "customer");
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
  return { id: message.user, name: person ? nameOf(person) : (message.username ?? message.user ?? "Someone"), isBot: false };
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

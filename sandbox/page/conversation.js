// The messages of a channel and of a thread.

import { author, placeHash } from "./directory.js";
import { store } from "./state.js";

/** Opens the thread in which the app answers what was asked in this window; the answer may come before the question's receipt. */
export function openAnsweredThread(channel, root) {
  const answered = store.sentHere.has(root) && replies(channel, root).some((message) => author(message).isBot);
  if (!answered || store.place !== channel || store.thread || innerWidth < 1100) return;
  store.threadOpenedItself = true; // so that whoever is still typing keeps the focus
  location.hash = placeHash(store.me.id, channel, root);
}

export const isTopLevel = (message) => !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";

const inOrder = (channel) =>
  [...(store.messages.get(channel)?.values() ?? [])]
    .filter((message) => !store.dismissed.has(message.ts))
    .sort((a, b) => (a.ts < b.ts ? -1 : 1));

export const topLevel = (channel) => inOrder(channel).filter(isTopLevel);
export const replies = (channel, root) => inOrder(channel).filter((message) => message.thread_ts === root && message.ts !== root);

export const rootOf = (channel, ts) => store.messages.get(channel)?.get(ts)?.thread_ts ?? ts;

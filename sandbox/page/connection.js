// The live connection: what the server pushes.

import { fetchJson, loadWorkspace } from "./api.js";
import { byId, h } from "./dom.js";
import { messageExcerpt } from "./message.js";
import { render, scheduleRender, store } from "./state.js";
import { author, openAnsweredThread, placeHash, rootOf } from "./workspace.js";

const live = { socket: null, delay: 500 };

/** Opens the live connection of the current person; pushes that come before the state wait for it. */
export function connect() {
  const person = store.me.id;
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/person/${person}/live`);
  const isCurrent = () => live.socket === socket;
  let buffered = [];
  live.socket?.close();
  live.socket = socket;
  socket.addEventListener("message", ({ data }) => {
    if (!isCurrent()) return;
    if (buffered) buffered.push(JSON.parse(data));
    else receive(JSON.parse(data));
  });
  socket.addEventListener("open", async () => {
    const state = await fetchJson(`/person/${person}/state`);
    if (!isCurrent()) return;
    if (state.ok === false) return socket.close();
    live.delay = 500;
    byId("connection").hidden = true;
    applyState(state);
    for (const push of buffered) receive(push, { silent: true });
    buffered = null;
    render();
  });
  socket.addEventListener("close", () => {
    if (!isCurrent()) return;
    byId("connection").hidden = false;
    setTimeout(() => isCurrent() && reconnect(), live.delay);
  });
}

/** Waits until the server is back; it may be another workspace by then, without this person. */
async function reconnect() {
  const { socket } = live;
  live.delay = Math.min(live.delay * 2, 8000);
  const isBack = await loadWorkspace();
  if (live.socket !== socket) return;
  if (!isBack) setTimeout(() => live.socket === socket && reconnect(), live.delay);
  else if (store.people.some((person) => person.id === store.me.id)) connect();
  else location.replace("/");
}

function applyState(state) {
  store.channels = new Map(state.channels.map((channel) => [channel.id, channel]));
  const byTs = (list) => new Map(list.map((message) => [message.ts, message]));
  store.messages = new Map(Object.entries(state.messages).map(([id, list]) => [id, byTs(list)]));
  store.home = state.home;
  store.view = state.view;
  const known = store.place === "home" || store.channels.has(store.place);
  if (!known) [store.place, store.thread] = [firstPlace(), null];
  if (!known) history.replaceState(null, "", placeHash(store.me.id, store.place));
  if (store.thread) store.thread = rootOf(store.place, store.thread);
}

const firstPlace = () => [...store.channels.keys()][0] ?? "home";

function receive(push, { silent = false } = {}) {
  if (push.type === "message") {
    if (!store.messages.has(push.channel)) store.messages.set(push.channel, new Map());
    const known = store.messages.get(push.channel).has(push.message.ts);
    store.messages.get(push.channel).set(push.message.ts, push.message);
    if (!known && !silent) announceMessage(push.channel, push.message);
  } else if (push.type === "message_removed") {
    store.messages.get(push.channel)?.delete(push.ts);
  } else if (push.type === "view") {
    store.view = push.view;
  } else if (push.type === "home") {
    store.home = push.view;
  } else if (push.type === "channel") {
    store.channels.set(push.channel.id, push.channel);
  }
  if (!silent) scheduleRender();
}

/** Announces a new message to screen readers. */
function announceMessage(channel, message) {
  if (channel !== store.place || message.user === store.me.id) return;
  byId("announcer").append(h("p", `${author(message).name}: ${messageExcerpt(message)}`));
  while (byId("announcer").childElementCount > 20) byId("announcer").firstElementChild.remove();
  openAnsweredThread(channel, message.thread_ts);
}

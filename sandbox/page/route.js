// The address: who you are and where.

import { call, explain } from "./api.js";
import { connect } from "./connection.js";
import { rootOf } from "./conversation.js";
import { byId } from "./dom.js";
import { toast } from "./popups.js";
import { closeRail } from "./rail.js";
import { render } from "./render.js";
import { store } from "./state.js";

/** The address says who you are and where: #person/channel, or #person/channel/thread. */
export function route() {
  const [user, place, thread] = decodeURIComponent(location.hash.slice(1)).split("/");
  const person = store.people.find((one) => one.id === user) ?? store.me ?? store.people[0];
  const changed = person.id !== store.me?.id;
  store.me = person;
  closeRail();
  if (changed) becomeAnother(place);
  const before = store.place;
  store.place = place && (changed || place === "home" || store.channels.has(place)) ? place : store.place;
  store.thread = thread ? rootOf(store.place, thread) : null;
  store.sought = thread ?? null;
  if (store.place === "home" && (changed || before !== "home"))
    call("home", {}).then((answer) => answer.ok || toast(explain(answer.error)));
  if (changed) connect();
  else render();
}

function becomeAnother() {
  store.channels = new Map();
  store.messages = new Map();
  store.home = store.view = null;
  store.read = JSON.parse(sessionStorage.getItem(`read ${store.me.id}`) ?? "{}");
  byId("composer-area").replaceChildren();
}

// The sandbox's page: one workspace, seen as one person.
//
// Whatever people or apps write reaches the document as text nodes and attributes that are set one by one;
// markup is never built from strings. What is shown is what the server says: a click sends a request, and
// the screen changes when the server pushes the result.
//
//   the server    api, connection, state
//   text          dom, formats, workspace, markup
//   Block Kit     blocks, elements, interactions, media, charts
//   the screen    rail, place, modals, popups
//   messages      message_list, message, message_actions, composer

import { call, errorText, loadWorkspace } from "./api.js";
import { connect } from "./connection.js";
import { byId, icon } from "./dom.js";
import { revealLinkedMessage } from "./message_list.js";
import { closeView, renderModal } from "./modals.js";
import { closeThread, renderPlace, renderThread } from "./place.js";
import { toast } from "./popups.js";
import { closeRail, markRead, openRail, renderRail } from "./rail.js";
import { render, setScreenParts, store } from "./state.js";
import { rootOf } from "./workspace.js";

function addListeners() {
  byId("open-rail").append(icon("menu"));
  byId("close-rail").append(icon("close"));
  byId("close-thread").append(icon("close"));
  byId("open-rail").addEventListener("click", openRail);
  byId("close-rail").addEventListener("click", closeRail);
  byId("rail-shade").addEventListener("click", closeRail);
  byId("close-thread").addEventListener("click", closeThread);
  byId("skip-link").addEventListener("click", (event) => {
    event.preventDefault();
    byId("composer")?.focus();
  });
  byId("modal").addEventListener("cancel", (event) => {
    event.preventDefault();
    if (event.target === byId("modal") && store.view) closeView(store.view);
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    if (byId("thread").contains(event.target)) closeThread();
  });
  addEventListener("hashchange", route);
  document.addEventListener("visibilitychange", () => store.me && render());
}

async function start() {
  setScreenParts(renderRail, renderPlace, renderThread, renderModal, revealLinkedMessage, markRead);
  addListeners();
  while (!(await loadWorkspace()) || !store.people.length) {
    byId("connection").hidden = false;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  route();
}

/** The address says who you are and where: #person/channel, or #person/channel/thread. */
function route() {
  const [user, place, thread] = decodeURIComponent(location.hash.slice(1)).split("/");
  const person = store.people.find((one) => one.id === user) ?? store.me ?? store.people[0];
  const changed = person.id !== store.me?.id;
  store.me = person;
  closeRail();
  if (changed) switchPerson();
  const before = store.place;
  store.place = place && (changed || place === "home" || store.channels.has(place)) ? place : store.place;
  store.thread = thread ? rootOf(store.place, thread) : null;
  store.linkedTs = thread ?? null;
  if (store.place === "home" && (changed || before !== "home"))
    call("home", {}).then((answer) => answer.ok || toast(errorText(answer.error)));
  if (changed) connect();
  else render();
}

function switchPerson() {
  store.channels = new Map();
  store.messages = new Map();
  store.home = store.view = null;
  store.read = JSON.parse(sessionStorage.getItem(`read ${store.me.id}`) ?? "{}");
  byId("composer-area").replaceChildren();
}

start();

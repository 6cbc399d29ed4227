// The sandbox's page: one workspace, seen as one person.
//
// Whatever people or apps write reaches the document as text nodes and attributes that are set one by one;
// markup is never built from strings. What is shown is what the server says: a click sends a request, and
// the screen changes when the server pushes the result.
//
//   the server    state, api, connection, route
//   text          dom, icons, emoji, formats, directory, references, mrkdwn, markdown, rich_text
//   Block Kit     blocks, elements, inputs, interactions, media, tables, charts
//   the screen    render, rail, place, thread, modals, popups
//   messages      conversation, message_list, message, message_tools, reactions
//   writing       composer, suggestions, text_field

import { loadWorkspace } from "./api.js";
import { byId } from "./dom.js";
import { icon } from "./icons.js";
import { revealSought } from "./message_list.js";
import { closeView, renderModal } from "./modals.js";
import { renderPlace } from "./place.js";
import { closeRail, markRead, openRail, renderRail } from "./rail.js";
import { render, setParts } from "./render.js";
import { route } from "./route.js";
import { store } from "./state.js";
import { closeThread, renderThread } from "./thread.js";

function wire() {
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
    if (event.key === "Escape" && !event.defaultPrevented && byId("thread").contains(event.target)) closeThread();
  });
  addEventListener("hashchange", route);
  document.addEventListener("visibilitychange", () => store.me && render());
}

async function start() {
  setParts(renderRail, renderPlace, renderThread, renderModal, revealSought, markRead);
  wire();
  while (!(await loadWorkspace()) || !store.people.length) {
    byId("connection").hidden = false;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  route();
}

start();

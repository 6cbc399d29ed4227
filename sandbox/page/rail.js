// The rail: people, channels, what is unread.

import { byId, h, icon } from "./dom.js";
import { store } from "./state.js";
import {
  avatar,
  initials,
  isDirect,
  isTopLevel,
  nameOf,
  placeHash,
  placeName,
  roleOf,
  titleOf,
} from "./workspace.js";

export function renderRail() {
  const { team = {}, app = {} } = store.workspace;
  byId("workspace-name").textContent = team.name ?? "Workspace";
  byId("workspace-mark").textContent = initials(team.name ?? "W");
  const here = store.place ?? undefined;
  byId("me").replaceChildren(
    ...store.people.map((person) => {
      const current = person.id === store.me.id;
      const card = h(
        "a.persona-card",
        {
          href: placeHash(person.id, here),
          "aria-current": current ? "true" : null,
          data: { person: person.id, role: roleOf(person) },
        },
        avatar({ id: person.id, name: nameOf(person) }),
        h("span.persona-words", h("strong", nameOf(person)), h("small", titleOf(person) || roleOf(person))),
      );
      const newWindow = h(
        "a.icon-button",
        {
          href: placeHash(person.id, here),
          target: "_blank",
          rel: "noopener",
          "aria-label": `Open a second window as ${nameOf(person)}`,
          title: `Open a second window as ${nameOf(person)}`,
        },
        icon("open"),
      );
      return h("li", card, newWindow);
    }),
  );
  byId("me").dataset.user = store.me.id;
  document.documentElement.dataset.role = roleOf(store.me);

  const channels = [...store.channels.values()];
  const direct = channels.filter(isDirect);
  byId("channels").replaceChildren(
    ...channels
      .filter((channel) => !isDirect(channel))
      .map((channel) => railItem(channel.id, channel.name, icon("hash"))),
  );
  byId("direct").replaceChildren(
    ...direct.map((channel) => railItem(channel.id, placeName(channel), icon("reply"))),
  );
  byId("direct-section").hidden = direct.length === 0;
  byId("apps").replaceChildren(railItem("home", `${app.name ?? "App"} Home`, icon("home")));
}

function railItem(id, name, symbol) {
  const count = id === "home" ? 0 : unread(id);
  const badge = count > 0 && h("span.badge", String(count), h("span.visually-hidden", " unread"));
  return h(
    "li",
    h(
      "a",
      {
        class: count ? "rail-item rail-item-unread" : "rail-item",
        href: placeHash(store.me.id, id),
        "aria-current": id === store.place ? "page" : null,
        data: { channel: id },
      },
      symbol,
      h("span.rail-name", name),
      badge,
    ),
  );
}

function unread(channel) {
  if (channel === store.place && !document.hidden) return 0;
  const since = store.read[channel] ?? String(store.openedAt);
  const messages = store.messages.get(channel) ?? new Map();
  const concernsMe = (message) =>
    isTopLevel(message) ||
    messages.get(message.thread_ts)?.user === store.me.id ||
    message.text?.includes(`<@${store.me.id}>`);
  return [...messages.values()].filter(
    (message) =>
      message.ts > since &&
      message.user !== store.me.id &&
      !store.dismissed.has(message.ts) &&
      concernsMe(message),
  ).length;
}

/** What was read is remembered for this window alone: another window may show another person. */
export function markRead() {
  const newest = [...(store.messages.get(store.place)?.keys() ?? [])].sort().at(-1);
  if (newest && !document.hidden) {
    store.read[store.place] = newest;
    sessionStorage.setItem(`read ${store.me.id}`, JSON.stringify(store.read));
  }
  const total = [...store.channels.keys()].reduce((sum, channel) => sum + unread(channel), 0);
  const channel = store.channels.get(store.place);
  const name = channel ? (isDirect(channel) ? placeName(channel) : `#${channel.name}`) : "Home";
  const team = store.workspace.team?.name ?? "";
  document.title = `${total ? `(${total}) ` : ""}${name} · ${nameOf(store.me)} · ${team}`;
}

export function closeRail() {
  byId("app").dataset.rail = "closed";
  byId("rail-shade").hidden = true;
}

export function openRail() {
  byId("app").dataset.rail = "open";
  byId("rail-shade").hidden = false;
  byId("close-rail").focus();
}

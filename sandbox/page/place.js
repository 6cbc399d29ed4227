// A channel, a direct message or the app's Home; and the thread beside it.

import { blocks } from "./blocks.js";
import { placeComposer } from "./composer.js";
import { byId, h, icon } from "./dom.js";
import { mrkdwn } from "./markup.js";
import { renderMessages } from "./message_list.js";
import { store } from "./state.js";
import {
  author,
  avatar,
  isDirect,
  nameOf,
  placeHash,
  placeName,
  replies,
  roleOf,
  titleOf,
  topLevel,
} from "./workspace.js";

export function renderPlace() {
  const channel = store.channels.get(store.place);
  const atHome = store.place === "home";
  const app = store.workspace.app ?? {};
  byId("place-name").replaceChildren(
    ...(atHome
      ? [`${app.name ?? "App"} Home`]
      : channel
        ? [!isDirect(channel) && icon("hash"), h("bdi", placeName(channel))].filter(Boolean)
        : ["…"]),
  );
  const topic = atHome ? "What the app shows to you alone" : (channel?.topic ?? "");
  byId("place-topic").replaceChildren(mrkdwn(topic));
  renderMembers(channel);
  byId("acting-as").replaceChildren(
    avatar({ id: store.me.id, name: nameOf(store.me) }, "avatar-small"),
    h("span", "You are ", h("strong", nameOf(store.me)), h("small", titleOf(store.me) || roleOf(store.me))),
  );
  byId("messages").hidden = atHome;
  byId("home").hidden = !atHome;
  byId("composer-area").hidden = atHome;
  if (atHome) renderHome();
  else if (channel)
    renderMessages(byId("messages"), topLevel(channel.id), channel.id, { empty: () => emptyPlace(channel) });
  if (channel) placeComposer("composer", byId("composer-area"), channel, null);
}

function renderMembers(channel) {
  const ids = channel?.members ?? [];
  const avatars = ids.slice(0, 4).map((id) => avatar(author({ user: id }), "avatar-tiny"));
  const names = ids.map((id) => author({ user: id }).name).join(", ");
  byId("place-members").replaceChildren(
    ...(ids.length
      ? [
          h(
            "span.faces",
            { title: names },
            avatars,
            h("span.muted", String(ids.length)),
            h("span.visually-hidden", ` members: ${names}`),
          ),
        ]
      : []),
  );
}

function renderHome() {
  const home = byId("home");
  const signature = JSON.stringify([store.me.id, store.home]);
  if (home.signature === signature) return;
  home.signature = signature;
  const view = store.home;
  home.replaceChildren(
    ...(view?.blocks?.length
      ? [
          h(
            "div.home-sheet",
            { data: { viewId: view.id } },
            blocks(view.blocks, { viewId: view.id, controls: [] }),
          ),
        ]
      : [
          emptyState(
            "home",
            "Nothing here yet",
            "The app has not published a Home for you. Some apps do it a moment after you open this page.",
          ),
        ]),
  );
}

function emptyState(iconName, title, text, ...more) {
  return h("div.empty", h("span.empty-mark", icon(iconName)), h("h3", title), h("p", text), more);
}

function emptyPlace(channel) {
  const where = isDirect(channel) ? placeName(channel) : `#${channel.name}`;
  if (roleOf(store.me) === "customer")
    return emptyState(
      "reply",
      `This is the start of ${where}`,
      "Write as a customer: try “How do I export my data?”",
    );
  return emptyState(
    "eye",
    `Nothing in ${where} yet`,
    "Open a second window as a customer and write there; what concerns you arrives here by itself.",
  );
}

export function renderThread() {
  const root = store.thread && store.messages.get(store.place)?.get(store.thread);
  const channel = store.channels.get(store.place);
  byId("thread").hidden = !root;
  byId("app").dataset.thread = root ? "open" : "closed";
  if (!root) return byId("thread-composer-area").replaceChildren();
  byId("thread-place").textContent = isDirect(channel) ? placeName(channel) : `#${channel.name}`;
  const messages = [root, ...replies(channel.id, root.ts)];
  renderMessages(byId("thread-messages"), messages, channel.id, { inThread: true });
  const takeFocus = !store.threadOpenedAutomatically;
  placeComposer("thread-composer", byId("thread-composer-area"), channel, root.ts, { takeFocus });
  store.threadOpenedAutomatically = false;
}

export const closeThread = () => (location.hash = placeHash(store.me.id, store.place));

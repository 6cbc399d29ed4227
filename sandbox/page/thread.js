// The thread beside the channel.

import { placeComposer } from "./composer.js";
import { replies } from "./conversation.js";
import { isDirect, placeHash, placeName } from "./directory.js";
import { byId } from "./dom.js";
import { renderMessages } from "./message_list.js";
import { store } from "./state.js";

export function renderThread() {
  const root = store.thread && store.messages.get(store.place)?.get(store.thread);
  const channel = store.channels.get(store.place);
  byId("thread").hidden = !root;
  byId("app").dataset.thread = root ? "open" : "closed";
  if (!root) return byId("thread-composer-area").replaceChildren();
  byId("thread-place").textContent = isDirect(channel) ? placeName(channel) : `#${channel.name}`;
  renderMessages(byId("thread-messages"), [root, ...replies(channel.id, root.ts)], channel.id, { inThread: true });
  placeComposer("thread-composer", byId("thread-composer-area"), channel, root.ts, { takeFocus: !store.threadOpenedItself });
  store.threadOpenedItself = false;
}

export const closeThread = () => (location.hash = placeHash(store.me.id, store.place));

// Reactions to a message.

import { call, explain } from "./api.js";
import { author } from "./directory.js";
import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { iconButton } from "./icons.js";
import { pickEmoji, toast } from "./popups.js";
import { store } from "./state.js";

export function reactionRow(message, channel) {
  if (!message.reactions?.length) return null;
  const chips = message.reactions.map((reaction) => {
    const mine = reaction.users?.includes(store.me.id) ?? false;
    const names = (reaction.users ?? []).map((id) => author({ user: id }).name).join(", ");
    return h(
      "button.reaction",
      {
        "aria-pressed": String(mine),
        title: `${names} reacted with :${reaction.name}:`,
        data: { reaction: reaction.name },
        on: { click: () => react(message, channel, reaction.name, mine) },
      },
      emoji(reaction.name),
      h("span", String(reaction.count ?? reaction.users?.length ?? 1)),
    );
  });
  return h(
    "div.reactions",
    chips,
    iconButton("smile", "Add a reaction", (event) => pickEmoji(event.currentTarget, (name) => react(message, channel, name)), {
      class: "reaction reaction-add",
    }),
  );
}

export async function react(message, channel, name, remove = false) {
  const answer = await call("react", { channel, ts: message.ts, name, remove });
  if (!answer.ok && answer.error !== "already_reacted") toast(explain(answer.error));
}

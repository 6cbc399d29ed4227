// The list of commands and people above a composer.

import { nameOf } from "./directory.js";
import { h } from "./dom.js";
import { store } from "./state.js";
import { insert } from "./text_field.js";

/** The list above a composer: the app's commands after `/`, people after `@`. */
export function suggestionsFor(field, list) {
  let items = [];
  let chosen = 0;

  function find() {
    const before = field.value.slice(0, field.selectionStart);
    const slash = /^\/\S*$/.exec(before);
    const at = /(?:^|\s)@([\w.-]*)$/.exec(before);
    if (slash)
      return commands()
        .filter(({ word }) => word.startsWith(slash[0]) && word !== slash[0].trim())
        .map((item) => ({ ...item, from: 0 }));
    if (at)
      return mentionable()
        .filter(({ word, detail }) => `${word} ${detail}`.toLowerCase().includes(at[1].toLowerCase()))
        .map((item) => ({ ...item, from: before.length - at[1].length - 1 }));
    return [];
  }
  function update() {
    items = document.activeElement === field ? find().slice(0, 8) : [];
    chosen = 0;
    draw();
  }
  function draw() {
    list.hidden = items.length === 0;
    field.setAttribute("aria-expanded", String(items.length > 0));
    list.replaceChildren(
      ...items.map((item, index) =>
        h(
          "li",
          {
            role: "option",
            id: `${list.id}-${index}`,
            "aria-selected": String(index === chosen),
            on: { pointerdown: (event) => (event.preventDefault(), take(item)) },
          },
          h("strong", item.word),
          h("span", item.detail),
        ),
      ),
    );
    if (items.length) field.setAttribute("aria-activedescendant", `${list.id}-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  }
  function take(item) {
    field.setSelectionRange(item.from, field.selectionStart);
    insert(field, `${item.word} `);
  }
  function hide() {
    items = [];
    draw();
  }
  /** True if the key was for the list. */
  function key(event) {
    if (!items.length) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) chosen = (chosen + step + items.length) % items.length;
    else if (event.key === "Escape") items = [];
    else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") take(items[chosen]);
    else return false;
    event.preventDefault();
    draw();
    return true;
  }
  return { update, hide, key };
}

function commands() {
  const { commands: listed = [], app } = store.workspace;
  return listed.map((word) => ({ word, detail: `A command of ${app?.name ?? "the app"}; try “${word} help”` }));
}

function mentionable() {
  const app = store.workspace.app ?? {};
  const people = (store.workspace.people ?? [])
    .filter((person) => person.id !== app.bot_user)
    .map((person) => ({ word: `@${person.name}`, detail: nameOf(person) }));
  return [...people, ...(app.name ? [{ word: `@${app.name}`, detail: "App" }] : []), { word: "@here", detail: "Everyone who is here" }];
}

// Text in a field: as it is typed, and put in at the cursor.

import { unescapeText } from "./formats.js";
import { groupHandle } from "./references.js";
import { store } from "./state.js";

/** A message's text as it was typed, for editing; the server turns names and links into references again. */
export function editable(text) {
  const words = (text ?? "")
    .replace(/<@(\w+)(?:\|[^>]*)?>/g, (source, id) => {
      const person = (store.workspace.people ?? []).find((one) => one.id === id);
      return person ? `@${person.name}` : source;
    })
    .replace(/<#\w+\|([^>]*)>/g, "#$1")
    .replace(/<!(here|channel|everyone)>/g, "@$1")
    .replace(/<!subteam\^(\w+)[^>]*>/g, (source, id) => (groupHandle(id) ? `@${groupHandle(id)}` : source))
    .replace(/<((?:https?|mailto):[^|>]+)(?:\|[^>]*)?>/g, "$1");
  return unescapeText(words);
}

export function insert(field, text) {
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input"));
  field.focus();
}

export function surround(field, mark) {
  const chosen = field.value.slice(field.selectionStart, field.selectionEnd);
  insert(field, mark + chosen + mark);
  if (!chosen) field.setSelectionRange(field.selectionStart - 1, field.selectionStart - 1);
}

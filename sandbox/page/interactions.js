// What Block Kit elements send, and the values that they hold.
//
// A surface says where blocks are: {channel, ts} for a message, {viewId, controls, values} for a view.
// Controls that hold a value register themselves in `controls`, so that a modal can be read when it is
// submitted.

import { call, errorText } from "./api.js";
import { plainString, textObject } from "./markup.js";
import { ask, toast } from "./popups.js";

let controlCount = 0;

/** A number that no other control of this window has; it makes names and ids unique. */
export const nextControlNumber = () => ++controlCount;

/** Sends one interaction and keeps its control busy until the app has answered. */
export async function press(surface, block, element, control, payload = {}) {
  if (element.confirm && !(await confirmation(element.confirm))) return false;
  const place = surface.viewId
    ? { view_id: surface.viewId, values: collect(surface) }
    : { channel: surface.channel, ts: surface.ts };
  setBusy(control, true);
  const ids = { block_id: block.block_id, action_id: element.action_id };
  const answer = await call("press", { ...place, ...ids, ...payload });
  setBusy(control, false);
  if (!answer.ok) toast(errorText(answer.error));
  return answer.ok;
}

export function setBusy(control, busy) {
  control.toggleAttribute("disabled", busy);
  if (busy) control.setAttribute("aria-busy", "true");
  else control.removeAttribute("aria-busy");
}

export const actionData = (element) => ({ actionId: element.action_id });

/** In an `input` block a value waits for the submit, unless `dispatch_action`; elsewhere it is sent. */
export function onChange(surface, block, element, control, value) {
  surface.controls?.push({ block, element, control, value });
  if (block.type === "input" && !block.dispatch_action) return;
  control.addEventListener("change", () => {
    const [[name, chosen]] = Object.entries(value());
    const choice = /option/.test(name) ? { selected_option: chosen } : { value: chosen };
    press(surface, block, element, control, choice);
  });
}

export const remembered = (surface, block, element) => surface.values?.[block.block_id]?.[element.action_id];

/** The values of a view, in the shape of Slack's `state.values`. */
export function collect(surface) {
  const values = {};
  for (const { block, element, value } of surface.controls ?? [])
    (values[block.block_id] ??= {})[element.action_id] = { type: element.type, ...value() };
  return values;
}

export const isEmpty = (value) => Object.values(value).every((entry) => entry == null || entry.length === 0);

function confirmation(confirm) {
  return ask({
    title: plainString(confirm.title) || "Are you sure?",
    body: textObject(confirm.text),
    yes: plainString(confirm.confirm) || "Yes",
    no: plainString(confirm.deny) || "Cancel",
    danger: confirm.style === "danger",
  });
}

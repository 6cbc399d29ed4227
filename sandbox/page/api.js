// Requests to the server.

import { store } from "./state.js";

const ERRORS = {
  operation_timeout: "The app did not answer in time",
  unknown_command: "There is no such command",
  message_not_found: "That message is gone",
  view_not_found: "That window is gone",
  action_not_found: "That button is gone",
  channel_not_found: "You are not in this channel",
  cant_update_message: "Only its author can change a message",
  cant_delete_message: "Only its author can delete a message",
  unreachable: "The sandbox cannot be reached",
};

export const errorText = (error) =>
  ERRORS[error] ?? `Refused: ${String(error ?? "unknown error").replaceAll("_", " ")}`;

export async function fetchJson(path, options) {
  try {
    const response = await fetch(path, options);
    return await response.json();
  } catch {
    return { ok: false, error: "unreachable" };
  }
}

/** Something the person does; the answer always has `ok`. */
export function call(action, body) {
  return fetchJson(`/person/${store.me.id}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

export async function loadWorkspace() {
  const workspace = await fetchJson("/person/workspace");
  if (workspace.ok === false) return false;
  store.workspace = workspace;
  const botUser = workspace.app?.bot_user;
  store.people = (workspace.people ?? []).filter((person) => person.id !== botUser && !person.is_bot);
  return true;
}

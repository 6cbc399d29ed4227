// What this window knows: the workspace, the person, what is open; and drawing it.
//
// The parts of the screen come from app.js: a part can ask for a new drawing without importing the other parts.

export const store = {
  workspace: {},
  people: [],
  me: null,
  openedAt: Date.now() / 1000,
  sought: null,
  channels: new Map(),
  messages: new Map(), // channel id → its messages by ts
  home: null,
  view: null,
  place: null,
  thread: null,
  pressed: new Map(),
  expanded: new Set(),
  dismissed: new Set(),
  read: {},
  drafts: new Map(),
  sentHere: new Set(),
};

let screenParts = [];
let renderPending = false;

/** Sets the functions that draw the screen, in their order. */
export function setScreenParts(...functions) {
  screenParts = functions;
}

export function scheduleRender() {
  if (renderPending) return;
  renderPending = true;
  // A window in the background draws no frames, but its title counts what is unread.
  (document.hidden ? setTimeout : requestAnimationFrame)(() => {
    renderPending = false;
    render();
  });
}

export function render() {
  for (const part of screenParts) part();
}

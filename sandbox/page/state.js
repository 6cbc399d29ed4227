// What this window knows: the workspace, the person, what is open; and drawing it.
//
// The parts of the screen come from app.js, so a part can ask for a new drawing without importing the others.

export const store = {
  workspace: {},
  people: [],
  me: null,
  openedAt: Date.now() / 1000, // when this window was opened, in seconds
  linkedTs: null, // the message that the address names, until it is shown
  channels: new Map(),
  messages: new Map(), // channel id → its messages by ts
  home: null, // the app's Home for this person
  view: null, // the open modal
  place: null, // a channel's id or "home"
  thread: null, // the ts of the open thread's first message
  threadOpenedAutomatically: false,
  pressed: new Map(), // feedback buttons → the value that was pressed
  expanded: new Set(), // long messages that are shown in full, by ts
  dismissed: new Set(), // ephemeral messages that were dismissed, by ts
  read: {}, // channel id → the ts of the newest message that was read
  drafts: new Map(), // composer → its text
  sentHere: new Set(), // messages sent from this window, by ts
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

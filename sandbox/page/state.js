// What this window knows: the workspace, the person, what is open.

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

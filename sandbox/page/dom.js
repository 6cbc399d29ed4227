// Elements of the document, icons, and buttons that show one.

export const byId = (id) => document.getElementById(id);

/** An element: `h("p.muted", {title, data: {…}, on: {click}}, …children)`; attributes may be left out. */
export function h(selector, ...rest) {
  const [tag, ...classes] = selector.split(".");
  const { data = {}, on = {}, ...attributes } = rest[0]?.constructor === Object ? rest.shift() : {};
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  if (tag === "button") node.type = "button";
  setAttributes(node, attributes);
  for (const [name, value] of Object.entries(data)) if (value != null) node.dataset[name] = value;
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  node.append(...rest.flat(2).filter((child) => child != null && child !== false));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(node, attributes);
  node.append(...children.flat());
  return node;
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
}

/** A selector of what has the focus inside a node that is about to be replaced. */
export function focusWithin(node) {
  if (!node.contains(document.activeElement)) return null;
  const action = document.activeElement.dataset?.actionId;
  return action ? `[data-action-id="${CSS.escape(action)}"]` : ":not(*)";
}

const ICONS = {
  add: "M12 5v14M5 12h14",
  app: "M5 8a4 4 0 0 1 4-4h6a4 4 0 0 1 4 4v4a4 4 0 0 1-4 4h-3l-4.5 4v-4.2A4 4 0 0 1 5 12z",
  bold: "M7 5h6a3.5 3.5 0 0 1 0 7H7zM7 12h7a3.5 3.5 0 0 1 0 7H7z",
  close: "M6 6l12 12M18 6L6 18",
  code: "M9 7l-5 5 5 5M15 7l5 5-5 5",
  down: "M6 9l6 6 6-6",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  hash: "M9 4L7 20M17 4l-2 16M4.5 9h16M3.5 15h16",
  home: "M4 11l8-7 8 7M6 10v9h12v-9",
  italic: "M11 5h6M7 19h6M14 5l-4 14",
  menu: "M4 7h16M4 12h16M4 17h16",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  open: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  reply: "M5 6h14a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1h-7l-4 4v-4H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1z",
  send: "M4 12l16-8-5 16-3-7z",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5h.01M15 9.5h.01",
  strike: "M5 12h14M16 7.5C15.500 6 14 5 12 5 9.500 5 8 6.300 8 8M8 16c.5 2 2 3 4 3 2.600 0 4.200-1.400 4.200-3.200",
  thumbs_down: "M17 14V4M7 4h10l3 0v10h-3l-4 7a2.500 2.500 0 0 1-2.500-2.500V14H5.500A2 2 0 0 1 3.500 11.600L5 5.600A2 2 0 0 1 7 4z",
  thumbs_up: "M7 10v10M17 20H4V10h3l4-7a2.500 2.500 0 0 1 2.500 2.500V10h5a2 2 0 0 1 2 2.400l-1.500 6A2 2 0 0 1 17 20z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
};

export function icon(name, className = "icon") {
  const path = svg("path", { d: ICONS[name] ?? ICONS.more });
  const attributes = { class: className, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" };
  return svg("svg", attributes, path);
}

export function iconButton(name, label, onClick, attributes = {}) {
  const { class: extra = "", ...rest } = attributes;
  return h(
    "button",
    {
      class: `icon-button ${extra}`.trim(),
      "aria-label": label,
      title: label,
      on: { click: onClick },
      ...rest,
    },
    icon(name),
  );
}

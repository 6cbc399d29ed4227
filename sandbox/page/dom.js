// Elements of the document.

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

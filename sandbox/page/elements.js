// Block Kit elements.

import { h } from "./dom.js";
import { icon, iconButton } from "./icons.js";
import { choicesElement, inputElement, multiSelectElement, selectElement } from "./inputs.js";
import { hooks, press } from "./interactions.js";
import { picture, unknown } from "./media.js";
import { plainString, textObject } from "./mrkdwn.js";
import { menu } from "./popups.js";
import { link } from "./references.js";
import { store } from "./state.js";

const ELEMENTS = {
  button: buttonElement,
  image: (element) => picture(element, "accessory-image"),
  overflow: overflowElement,
  static_select: selectElement,
  external_select: selectElement,
  users_select: selectElement,
  conversations_select: selectElement,
  channels_select: selectElement,
  multi_static_select: multiSelectElement,
  multi_users_select: multiSelectElement,
  multi_channels_select: multiSelectElement,
  multi_conversations_select: multiSelectElement,
  radio_buttons: choicesElement,
  checkboxes: choicesElement,
  plain_text_input: inputElement,
  rich_text_input: inputElement,
  email_text_input: inputElement,
  url_text_input: inputElement,
  number_input: inputElement,
  datepicker: inputElement,
  timepicker: inputElement,
  feedback_buttons: feedbackElement,
  icon_button: iconButtonElement,
};

export function blockElement(element, block, surface) {
  const build = ELEMENTS[element?.type];
  return build ? build(element, block, surface) : unknown(element?.type);
}

function buttonElement(element, block, surface) {
  const style = ["primary", "danger"].includes(element.style) ? ` button-${element.style}` : "";
  const button = h(
    "button",
    { class: `button${style}`, "aria-label": element.accessibility_label, data: hooks(element) },
    textObject(element.text),
  );
  button.addEventListener("click", () => {
    const safe = element.url && link(element.url);
    if (safe) safe.click();
    press(surface, block, element, button, { value: element.value });
  });
  return button;
}

function iconButtonElement(element, block, surface) {
  if (element.visible_to_user_ids && !element.visible_to_user_ids.includes(store.me.id)) return null;
  const label = element.accessibility_label || plainString(element.text);
  const button = iconButton(element.icon, label, () => press(surface, block, element, button, { value: element.value }), {
    class: "icon-labelled",
    data: hooks(element),
  });
  button.append(h("span", plainString(element.text)));
  return button;
}

/** 👍 / 👎: what this person pressed stays marked, as a message does not carry it. */
function feedbackElement(element, block, surface) {
  const key = [store.me.id, surface.ts ?? surface.viewId, block.block_id, element.action_id].join(" ");
  const sides = [
    ["thumbs_up", element.positive_button],
    ["thumbs_down", element.negative_button],
  ];
  const group = h("div.feedback", { role: "group", "aria-label": "Was this helpful?", data: hooks(element) });
  const mark = () =>
    group.childNodes.forEach((button) => button.setAttribute("aria-pressed", String(store.pressed.get(key) === button.value)));
  for (const [glyph, side] of sides) {
    const label = side.accessibility_label || plainString(side.text);
    const button = h(
      "button.feedback-button",
      { value: side.value, "aria-label": label, title: label, data: { feedback: glyph } },
      icon(glyph),
    );
    button.addEventListener("click", async () => {
      if (await press(surface, block, element, button, { value: side.value })) store.pressed.set(key, side.value);
      mark();
    });
    group.append(button);
  }
  mark();
  return group;
}

function overflowElement(element, block, surface) {
  const button = iconButton(
    "more",
    "More options",
    () => {
      const items = element.options.map((option) => ({
        label: plainString(option.text),
        run: () => press(surface, block, element, button, { selected_option: option }),
      }));
      menu(button, items);
    },
    { class: "button", data: hooks(element), "aria-haspopup": "menu" },
  );
  return button;
}

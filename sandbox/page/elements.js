// Block Kit elements.

import { h, icon, iconButton } from "./dom.js";
import { actionData, nextControlNumber, onChange, press, remembered } from "./interactions.js";
import { link, plainString, richTextElement, textObject } from "./markup.js";
import { picture, unsupported } from "./media.js";
import { menu } from "./popups.js";
import { store } from "./state.js";
import { placeName } from "./workspace.js";

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
  return build ? build(element, block, surface) : unsupported(element?.type);
}

function buttonElement(element, block, surface) {
  const style = ["primary", "danger"].includes(element.style) ? ` button-${element.style}` : "";
  const button = h(
    "button",
    { class: `button${style}`, "aria-label": element.accessibility_label, data: actionData(element) },
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
  const send = () => press(surface, block, element, button, { value: element.value });
  const button = iconButton(element.icon, label, send, {
    class: "icon-labelled",
    data: actionData(element),
  });
  button.append(h("span", plainString(element.text)));
  return button;
}

/** 👍 / 👎: what this person pressed stays marked, as a message does not carry it. */
function feedbackElement(element, block, surface) {
  const key = [store.me.id, surface.ts ?? surface.viewId, block.block_id, element.action_id].join(" ");
  const choices = [
    ["thumbs_up", element.positive_button],
    ["thumbs_down", element.negative_button],
  ];
  const group = h("div.feedback", {
    role: "group",
    "aria-label": "Was this helpful?",
    data: actionData(element),
  });
  const mark = () =>
    group.childNodes.forEach((button) =>
      button.setAttribute("aria-pressed", String(store.pressed.get(key) === button.value)),
    );
  for (const [iconName, choice] of choices) {
    const label = choice.accessibility_label || plainString(choice.text);
    const button = h(
      "button.feedback-button",
      { value: choice.value, "aria-label": label, title: label, data: { feedback: iconName } },
      icon(iconName),
    );
    button.addEventListener("click", async () => {
      const sent = await press(surface, block, element, button, { value: choice.value });
      if (sent) store.pressed.set(key, choice.value);
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
    { class: "button", data: actionData(element), "aria-haspopup": "menu" },
  );
  return button;
}

/** The options a menu offers: the app's own, or the workspace's people or channels. */
function optionGroups(element) {
  const asOption = (value, text) => ({ value, text: { type: "plain_text", text } });
  if (/users_select$/.test(element.type))
    return [{ options: store.people.map((person) => asOption(person.id, person.real_name || person.name)) }];
  if (/(channels|conversations)_select$/.test(element.type)) {
    const channels = [...store.channels.values()];
    return [{ options: channels.map((channel) => asOption(channel.id, placeName(channel))) }];
  }
  return element.option_groups ?? [{ options: element.options ?? [] }];
}

/** Menus of people and channels hold bare ids. */
const ID_FIELDS = {
  users_select: "selected_user",
  channels_select: "selected_channel",
  conversations_select: "selected_conversation",
  multi_users_select: "selected_users",
  multi_channels_select: "selected_channels",
  multi_conversations_select: "selected_conversations",
};

function optionNodes(groups) {
  const nodes = (options) =>
    options.map((option) => h("option", { value: option.value }, plainString(option.text)));
  return groups
    .map((group) =>
      group.label
        ? h("optgroup", { label: plainString(group.label) }, nodes(group.options))
        : nodes(group.options),
    )
    .flat();
}

function selectElement(element, block, surface) {
  const groups = optionGroups(element);
  const options = groups.flatMap((group) => group.options);
  const hint = plainString(element.placeholder) || "Choose an option";
  const select = h(
    "select.select",
    { "aria-label": hint, data: actionData(element) },
    h("option", { value: "", hidden: true }, hint),
    optionNodes(groups),
  );
  const field = ID_FIELDS[element.type];
  const before = remembered(surface, block, element) ?? {};
  select.value =
    (field
      ? (before[field] ?? element[field.replace("selected", "initial")])
      : (before.selected_option ?? element.initial_option)?.value) ?? "";
  const chosen = () => options.find((option) => option.value === select.value) ?? null;
  onChange(surface, block, element, select, () =>
    field ? { [field]: select.value || null } : { selected_option: chosen() },
  );
  return h("span.select-wrap", select, icon("down"));
}

function multiSelectElement(element, block, surface) {
  const groups = optionGroups(element);
  const options = groups.flatMap((group) => group.options);
  const field = ID_FIELDS[element.type] ?? "selected_options";
  const before = remembered(surface, block, element)?.[field];
  const initial = (before ?? element[field.replace("selected", "initial")] ?? []).map(
    (option) => option.value ?? option,
  );
  const select = h(
    "select.select",
    {
      multiple: true,
      "aria-label": plainString(element.placeholder) || "Choose options",
      data: actionData(element),
    },
    optionNodes(groups),
  );
  for (const option of select.options) option.selected = initial.includes(option.value);
  onChange(surface, block, element, select, () => {
    const values = [...select.selectedOptions].map((option) => option.value);
    if (field !== "selected_options") return { [field]: values };
    return { [field]: options.filter((option) => values.includes(option.value)) };
  });
  return select;
}

function choicesElement(element, block, surface) {
  const single = element.type === "radio_buttons";
  const name = `choice-${nextControlNumber()}`;
  const before = remembered(surface, block, element);
  const initial = before
    ? (before.selected_options ?? [before.selected_option])
    : (element.initial_options ?? [element.initial_option]);
  const chosen = new Set(initial.filter(Boolean).map((option) => option.value));
  const box = h("div.choices", { role: single ? "radiogroup" : "group", data: actionData(element) });
  for (const option of element.options ?? []) {
    const input = h("input", {
      type: single ? "radio" : "checkbox",
      name,
      value: option.value,
      checked: chosen.has(option.value),
    });
    const description = option.description && h("small", textObject(option.description));
    box.append(h("label.choice", input, h("span", textObject(option.text), description)));
  }
  onChange(surface, block, element, box, () => {
    const values = [...box.querySelectorAll("input:checked")].map((input) => input.value);
    const options = element.options.filter((option) => values.includes(option.value));
    return single ? { selected_option: options[0] ?? null } : { selected_options: options };
  });
  return box;
}

const INPUT_TYPES = {
  email_text_input: "email",
  url_text_input: "url",
  number_input: "text",
  datepicker: "date",
  timepicker: "time",
};
const INPUT_FIELDS = {
  datepicker: "selected_date",
  timepicker: "selected_time",
  rich_text_input: "rich_text_value",
};

const asRichText = (text) => {
  if (!text) return null;
  const section = { type: "rich_text_section", elements: [{ type: "text", text }] };
  return { type: "rich_text", elements: [section] };
};

function inputElement(element, block, surface) {
  const field = INPUT_FIELDS[element.type] ?? "value";
  const multiline = element.multiline || element.type === "rich_text_input";
  const control = h(multiline ? "textarea" : "input", {
    class: "field",
    type: multiline ? null : (INPUT_TYPES[element.type] ?? "text"),
    rows: multiline ? 5 : null,
    inputmode: element.type === "number_input" ? "decimal" : null,
    maxlength: element.max_length,
    placeholder: plainString(element.placeholder),
    data: actionData(element),
  });
  const initial =
    remembered(surface, block, element)?.[field] ??
    element.initial_value ??
    element.initial_date ??
    element.initial_time ??
    "";
  const plain = (richText) => h("div", richText.elements.map(richTextElement)).textContent;
  control.value = typeof initial === "string" ? initial : plain(initial);
  onChange(surface, block, element, control, () => ({
    [field]: field === "rich_text_value" ? asRichText(control.value) : control.value || null,
  }));
  return control;
}

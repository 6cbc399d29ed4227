// Block Kit blocks.

import { chartBlock } from "./charts.js";
import { h } from "./dom.js";
import { blockElement } from "./elements.js";
import { nextControlNumber } from "./interactions.js";
import { markdown } from "./markdown.js";
import { picture, unknown } from "./media.js";
import { textObject } from "./mrkdwn.js";
import { richTextElement } from "./rich_text.js";
import { dataTable } from "./tables.js";

const BLOCKS = {
  header: (block) => h("h3.block-header", textObject(block.text)),
  section: sectionBlock,
  context: (block) =>
    h(
      "div.block-context",
      block.elements.map((element) => (element.type === "image" ? picture(element, "context-image") : h("span", textObject(element)))),
    ),
  actions: (block, surface) =>
    h(
      "div.block-actions",
      block.elements.map((element) => blockElement(element, block, surface)),
    ),
  context_actions: (block, surface) =>
    h(
      "div.block-actions.block-context-actions",
      block.elements.map((element) => blockElement(element, block, surface)),
    ),
  divider: () => h("hr"),
  image: (block) => h("figure.block-image", block.title && h("figcaption", textObject(block.title)), picture(block, "wide-image")),
  input: inputBlock,
  rich_text: (block) => h("div.rich-text", block.elements.map(richTextElement)),
  markdown: (block) => markdown(block.text),
  table: (block) => dataTable({ ...block, page_size: Infinity }, { sortable: false }),
  data_table: (block) => dataTable(block, { sortable: true }),
  data_visualization: chartBlock,
  alert: (block) => h("div.block-alert", { role: "note", data: { level: block.level ?? "default" } }, textObject(block.text)),
  card: cardBlock,
};

export function blocks(list, surface) {
  return list.map((block) => {
    const build = BLOCKS[block?.type];
    const node = build ? build(block, surface) : unknown(block?.type);
    node.classList.add("block");
    if (block?.block_id) node.dataset.blockId = block.block_id;
    node.dataset.block = block?.type ?? "none";
    return node;
  });
}

function sectionBlock(block, surface) {
  const body = h(
    "div.section-body",
    block.text && h("div.text", { dir: "auto" }, textObject(block.text)),
    block.fields &&
      h(
        "div.section-fields",
        block.fields.map((field) => h("div.text", { dir: "auto" }, textObject(field))),
      ),
  );
  return h("div.block-section", body, block.accessory && h("div.section-accessory", blockElement(block.accessory, block, surface)));
}

function inputBlock(block, surface) {
  const node = h("div.block-input");
  const control = blockElement(block.element, block, surface);
  const target = control.matches(".field, select") ? control : (control.querySelector("select") ?? control);
  const id = `input-${nextControlNumber()}`;
  target.id = id;
  target.removeAttribute("aria-label");
  target.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
  if (target.getAttribute("role")) target.setAttribute("aria-labelledby", `${id}-label`);
  node.append(
    h(
      "label",
      { for: target.getAttribute("role") ? null : id, id: `${id}-label` },
      textObject(block.label),
      block.optional && h("span.optional", " (optional)"),
    ),
    control,
    h("p.input-hint", { id: `${id}-hint`, hidden: !block.hint }, textObject(block.hint)),
    h("p.input-error", { id: `${id}-error`, role: "alert", hidden: true }),
  );
  return node;
}

function cardBlock(block, surface) {
  return h(
    "div.block-card",
    block.hero_image && picture(block.hero_image, "wide-image"),
    h(
      "div.card-head",
      block.icon && picture(block.icon, "context-image"),
      h("div", h("strong", textObject(block.title)), block.subtitle && h("div.muted", textObject(block.subtitle))),
    ),
    block.body && h("div.text", textObject(block.body)),
    block.actions &&
      h(
        "div.block-actions",
        block.actions.map((element) => blockElement(element, block, surface)),
      ),
  );
}

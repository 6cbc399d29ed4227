// Block Kit blocks, tables among them.

import { chartBlock } from "./charts.js";
import { h, icon } from "./dom.js";
import { blockElement } from "./elements.js";
import { number } from "./formats.js";
import { nextControlNumber } from "./interactions.js";
import { markdown, richTextElement, textObject } from "./markup.js";
import { picture, unsupported } from "./media.js";

const BLOCKS = {
  header: (block) => h("h3.block-header", textObject(block.text)),
  section: sectionBlock,
  context: (block) =>
    h(
      "div.block-context",
      block.elements.map((element) =>
        element.type === "image" ? picture(element, "context-image") : h("span", textObject(element)),
      ),
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
  image: (block) =>
    h(
      "figure.block-image",
      block.title && h("figcaption", textObject(block.title)),
      picture(block, "wide-image"),
    ),
  input: inputBlock,
  rich_text: (block) => h("div.rich-text", block.elements.map(richTextElement)),
  markdown: (block) => markdown(block.text),
  table: (block) => dataTable({ ...block, page_size: Infinity }, { sortable: false }),
  data_table: (block) => dataTable(block, { sortable: true }),
  data_visualization: chartBlock,
  alert: (block) =>
    h(
      "div.block-alert",
      { role: "note", data: { level: block.level ?? "default" } },
      textObject(block.text),
    ),
  card: cardBlock,
};

export function blocks(list, surface) {
  return list.map((block) => {
    const build = BLOCKS[block?.type];
    const node = build ? build(block, surface) : unsupported(block?.type);
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
  return h(
    "div.block-section",
    body,
    block.accessory && h("div.section-accessory", blockElement(block.accessory, block, surface)),
  );
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
      h(
        "div",
        h("strong", textObject(block.title)),
        block.subtitle && h("div.muted", textObject(block.subtitle)),
      ),
    ),
    block.body && h("div.text", textObject(block.body)),
    block.actions &&
      h(
        "div.block-actions",
        block.actions.map((element) => blockElement(element, block, surface)),
      ),
  );
}

const cellText = (cell) => cell?.text ?? (cell?.type === "raw_number" ? number.format(cell.value) : "");
const cellPlainText = (cell) =>
  cell?.type === "rich_text" ? h("div", cell.elements.map(richTextElement)).textContent : cellText(cell);

const compareCells = (a, b) =>
  a?.type === "raw_number" && b?.type === "raw_number"
    ? a.value - b.value
    : cellPlainText(a).localeCompare(cellPlainText(b), undefined, { numeric: true });

function dataTable(block, { sortable }) {
  const [head = [], ...rows] = block.rows ?? [];
  const size = block.page_size ?? 5;
  const rowHeader = sortable ? (block.row_header_column_index ?? 0) : -1;
  const numeric = head.map((_, column) => rows.some((row) => row[column]?.type === "raw_number"));
  const align = (column) => block.column_settings?.[column]?.align ?? (numeric[column] ? "right" : "left");
  const order = { column: null, down: false };
  let page = 0;

  const headRow = h(
    "tr",
    head.map((cell, column) => {
      const label = cell.type === "rich_text" ? cell.elements.map(richTextElement) : cellText(cell);
      return h(
        "th",
        { scope: "col", data: { align: align(column) } },
        sortable
          ? h("button.sort", { on: { click: () => sortBy(column) } }, label, icon("down", "icon sort-mark"))
          : label,
      );
    }),
  );
  const body = h("tbody");
  const position = h("span", { "aria-live": "polite" });
  const previous = h("button.button.button-small", { on: { click: () => turnPage(-1) } }, "Previous");
  const next = h("button.button.button-small", { on: { click: () => turnPage(1) } }, "Next");
  const pages = Math.max(1, Math.ceil(rows.length / size));

  function sortBy(column) {
    order.down = order.column === column && !order.down;
    order.column = column;
    page = 0;
    draw();
  }
  function turnPage(step) {
    page = Math.min(pages - 1, Math.max(0, page + step));
    draw();
  }
  function draw() {
    const direction = order.down ? -1 : 1;
    const compareRows = (a, b) => compareCells(a[order.column], b[order.column]) * direction;
    const sorted = order.column == null ? rows : [...rows].sort(compareRows);
    const shown = size === Infinity ? sorted : sorted.slice(page * size, (page + 1) * size);
    body.replaceChildren(
      ...shown.map((row) =>
        h(
          "tr",
          row.map((cell, column) =>
            h(
              column === rowHeader ? "th" : "td",
              { scope: column === rowHeader ? "row" : null, data: { align: align(column) } },
              cell?.type === "rich_text" ? cell.elements.map(richTextElement) : cellText(cell),
            ),
          ),
        ),
      ),
    );
    [...headRow.children].forEach((cell, column) => {
      if (column !== order.column) cell.removeAttribute("aria-sort");
      else cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
    });
    const last = Math.min(rows.length, (page + 1) * size);
    position.textContent = `${page * size + 1}–${last} of ${rows.length}`;
    previous.disabled = page === 0;
    next.disabled = page === pages - 1;
  }
  draw();
  return h(
    "div.block-table",
    h(
      "div.table-scroll",
      { tabindex: "0", role: "region", "aria-label": block.caption ?? "Table" },
      h("table", block.caption && h("caption", block.caption), h("thead", headRow), body),
    ),
    pages > 1 && h("div.pager", position, previous, next),
  );
}

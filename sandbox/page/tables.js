// The table blocks.

import { h } from "./dom.js";
import { number } from "./formats.js";
import { icon } from "./icons.js";
import { richTextElement } from "./rich_text.js";

const cellText = (cell) => cell?.text ?? (cell?.type === "raw_number" ? number.format(cell.value) : "");
const cellWords = (cell) => (cell?.type === "rich_text" ? h("div", cell.elements.map(richTextElement)).textContent : cellText(cell));

const compareCells = (a, b) =>
  a?.type === "raw_number" && b?.type === "raw_number"
    ? a.value - b.value
    : cellWords(a).localeCompare(cellWords(b), undefined, { numeric: true });

export function dataTable(block, { sortable }) {
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
        sortable ? h("button.sort", { on: { click: () => sortBy(column) } }, label, icon("down", "icon sort-mark")) : label,
      );
    }),
  );
  const body = h("tbody");
  const position = h("span", { "aria-live": "polite" });
  const previous = h("button.button.button-small", { on: { click: () => turn(-1) } }, "Previous");
  const next = h("button.button.button-small", { on: { click: () => turn(1) } }, "Next");
  const pages = Math.max(1, Math.ceil(rows.length / size));

  function sortBy(column) {
    order.down = order.column === column && !order.down;
    order.column = column;
    page = 0;
    draw();
  }
  function turn(step) {
    page = Math.min(pages - 1, Math.max(0, page + step));
    draw();
  }
  function draw() {
    const sorted =
      order.column == null ? rows : [...rows].sort((a, b) => compareCells(a[order.column], b[order.column]) * (order.down ? -1 : 1));
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
    [...headRow.children].forEach((cell, column) =>
      column === order.column ? cell.setAttribute("aria-sort", order.down ? "descending" : "ascending") : cell.removeAttribute("aria-sort"),
    );
    position.textContent = `${page * size + 1}–${Math.min(rows.length, (page + 1) * size)} of ${rows.length}`;
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

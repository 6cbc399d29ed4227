// Modals: views that the app opens.

import { call, errorText } from "./api.js";
import { blocks } from "./blocks.js";
import { byId, focusWithin, h, iconButton } from "./dom.js";
import { collect, isEmpty, setBusy } from "./interactions.js";
import { plainString, textObject } from "./markup.js";
import { toast } from "./popups.js";
import { store } from "./state.js";

export function renderModal() {
  const dialog = byId("modal");
  const { view } = store;
  const signature = JSON.stringify([store.me.id, view]);
  if (dialog.signature === signature) return;
  dialog.signature = signature;
  if (!view) return dialog.close();
  // An updated view keeps what was already filled in.
  const focus = dialog.open ? focusWithin(dialog) : null;
  const values = dialog.surface?.viewId === view.id ? collect(dialog.surface) : {};
  const surface = { viewId: view.id, controls: [], values };
  dialog.surface = surface;
  const form = h(
    "form",
    { novalidate: true, method: "dialog" },
    h(
      "header.modal-head",
      h("h2", { id: "modal-title" }, textObject(view.title)),
      iconButton("close", "Close", () => closeView(view)),
    ),
    h("div.modal-body", blocks(view.blocks ?? [], surface)),
    h(
      "footer.modal-foot",
      h(
        "button.button",
        { data: { testid: "modal-close" }, on: { click: () => closeView(view) } },
        plainString(view.close) || "Close",
      ),
      view.submit &&
        h(
          "button",
          { type: "submit", class: "button button-primary", data: { testid: "modal-submit" } },
          plainString(view.submit),
        ),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submitView(view, surface, form);
  });
  dialog.replaceChildren(form);
  dialog.dataset.viewId = view.id;
  if (!dialog.open) dialog.showModal();
  const first =
    form.querySelector(".modal-body :is(.field, select, input)") ?? form.querySelector("[type=submit]");
  (form.querySelector(focus ?? ":not(*)") ?? first)?.focus();
}

async function submitView(view, surface, form) {
  const missing = surface.controls.filter(
    ({ block, value }) => block.type === "input" && !block.optional && isEmpty(value()),
  );
  if (missing.length) {
    const errors = missing.map(({ block }) => [block.block_id, "Please fill this in."]);
    return showErrors(form, Object.fromEntries(errors));
  }
  showErrors(form, {});
  const submit = form.querySelector("[type=submit]");
  setBusy(submit, true);
  const answer = await call("submit", { view_id: view.id, values: collect(surface) });
  setBusy(submit, false);
  if (answer.errors) showErrors(form, answer.errors);
  else if (!answer.ok) toast(errorText(answer.error));
}

function showErrors(form, errors) {
  for (const block of form.querySelectorAll(".block-input")) {
    const message = errors[block.dataset.blockId];
    const slot = block.querySelector(".input-error");
    slot.textContent = message ?? "";
    slot.hidden = !message;
    block.classList.toggle("has-error", Boolean(message));
    for (const control of block.querySelectorAll("[aria-describedby]"))
      control.setAttribute("aria-invalid", String(Boolean(message)));
  }
  form.querySelector(".has-error :is(.field, select, input)")?.focus();
}

export async function closeView(view) {
  const answer = await call("close", { view_id: view.id });
  if (answer.ok) return;
  toast(errorText(answer.error));
  store.view = null;
  renderModal();
}

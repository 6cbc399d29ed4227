// Pictures and files, and a note in place of what cannot be shown.

import { h, icon } from "./dom.js";
import { link } from "./markup.js";

export const unsupported = (type) => h("div.block-unknown", `Cannot show “${type ?? "untyped"}” here`);

/** Shows a picture from this server; of any other only the name, as its host would learn who reads it. */
export function picture({ image_url: address, alt_text: label = "" }, className) {
  const url = address && URL.canParse(address, location.href) ? new URL(address, location.href) : null;
  if (url?.origin === location.origin || /^data:image\/(png|jpeg|gif|webp);/.test(address ?? ""))
    return h("img", { class: className, src: url.href, alt: label, loading: "lazy" });
  const name = h(
    "span",
    { class: `image-elsewhere ${className}`, title: address },
    icon("file"),
    h("span", label || "Picture"),
  );
  const opener = link(address ?? "");
  opener?.replaceChildren(name);
  return opener ?? name;
}

export function fileCard(file) {
  const name = file.title || file.name || "File";
  const address = file.url_private || file.permalink || "";
  if (/^image\//.test(file.mimetype ?? "") && address)
    return picture({ image_url: address, alt_text: name }, "wide-image");
  const card = h("span.file-card", icon("file"), h("bdi", name));
  const opener = link(URL.canParse(address, location.href) ? new URL(address, location.href).href : "");
  opener?.replaceChildren(card);
  return opener ?? card;
}

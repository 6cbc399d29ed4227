// Standard Markdown as nodes.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { unescapeText } from "./formats.js";
import { link, reference } from "./references.js";

/** The `markdown` block: standard Markdown, as far as a message needs it. */
export function markdown(text) {
  const root = h("div.markdown");
  const lines = String(text ?? "").split("\n");
  while (lines.length) {
    const line = lines.shift();
    const heading = /^(#{1,6})\s+(.*)$/.exec(line);
    const item = /^\s*(?:[-*+]|(\d+)[.)])\s+(.*)$/.exec(line);
    if (/^```/.test(line)) {
      const code = [];
      while (lines.length && !/^```/.test(lines[0])) code.push(lines.shift());
      lines.shift();
      root.append(h("pre", code.join("\n")));
    } else if (heading) {
      root.append(
        h(
          "p",
          { class: `markdown-heading level-${heading[1].length}`, role: "heading", "aria-level": heading[1].length + 2 },
          markdownInline(heading[2]),
        ),
      );
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      root.append(h("hr"));
    } else if (item) {
      const tag = item[1] ? "ol" : "ul";
      const list = root.lastElementChild?.localName === tag ? root.lastElementChild : root.appendChild(h(tag, { start: item[1] }));
      list.append(h("li", markdownInline(item[2])));
    } else if (/^>/.test(line)) {
      const quote = root.lastElementChild?.localName === "blockquote" ? root.lastElementChild : root.appendChild(h("blockquote"));
      quote.append(h("div", markdownInline(line.replace(/^>\s?/, ""))));
    } else if (line.trim()) {
      root.append(h("p", markdownInline(line)));
    }
  }
  return root;
}

const MARKDOWN_INLINE =
  /`([^`\n]+)`|\*\*(?=[^\s*])([^*\n]+)\*\*|(?<![\w*])[*_](?=[^\s*_])([^*_\n]+)[*_](?![\w*])|~~([^~\n]+)~~|\[([^\][\n]+)\]\(([^()\s]+)\)|<([^<>\n]+)>|:([a-z0-9_+'-]{1,40}):/g;

function markdownInline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(MARKDOWN_INLINE)) {
    const [source, code, bold, italic, strike, label, url, angle, name] = match;
    nodes.push(unescapeText(text.slice(end, match.index)));
    if (code) nodes.push(h("code", unescapeText(code)));
    else if (bold) nodes.push(h("strong", markdownInline(bold)));
    else if (italic) nodes.push(h("em", markdownInline(italic)));
    else if (strike) nodes.push(h("s", markdownInline(strike)));
    else if (label) nodes.push(link(unescapeText(url), unescapeText(label)) ?? source);
    else if (angle) nodes.push(reference(angle) ?? unescapeText(source));
    else nodes.push(emoji(name));
    end = match.index + source.length;
  }
  nodes.push(unescapeText(text.slice(end)));
  return nodes;
}

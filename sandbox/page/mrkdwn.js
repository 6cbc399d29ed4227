// Slack's mrkdwn and Block Kit's text objects as nodes.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { unescapeText } from "./formats.js";
import { link, reference } from "./references.js";

// Every alternative stops at its own delimiter or at the line's end, so 40,000 characters stay a linear scan.
const INLINE = new RegExp(
  [
    "`(?<code>[^`\\n]+)`",
    "<(?<angle>[^<>\\n]+)>",
    ":(?<emoji>[a-z0-9_+'-]{1,40}(?:::skin-tone-\\d)?):",
    "(?<![\\p{L}\\p{N}*])\\*(?=[^\\s*])(?<bold>[^*\\n]+)(?<=\\S)\\*(?![\\p{L}\\p{N}*])",
    "(?<![\\p{L}\\p{N}_])_(?=[^\\s_])(?<italic>[^_\\n]+)(?<=\\S)_(?![\\p{L}\\p{N}_])",
    "(?<![\\p{L}\\p{N}~])~(?=[^\\s~])(?<strike>[^~\\n]+)(?<=\\S)~(?![\\p{L}\\p{N}~])",
    "(?<url>https?://[^\\s<>|*`]+[^\\s<>|*`.,;:!?)\\]'\"])",
    "(?<newline>\\n)",
  ].join("|"),
  "gu",
);

/** Slack's mrkdwn as nodes: fences, quotes, then what stands inside a line. */
export function mrkdwn(text) {
  const fragment = document.createDocumentFragment();
  String(text ?? "")
    .split(/```(?!`)([\s\S]+?)```/)
    .forEach((part, index) => {
      if (index % 2) fragment.append(h("pre", unescapeText(part.replace(/^\n|\n$/g, ""))));
      else fragment.append(...quotesAndLines(index ? part.replace(/^\n/, "") : part));
    });
  return fragment;
}

function quotesAndLines(text) {
  const nodes = [];
  let rest = text;
  while (rest) {
    const quote = /^(?:&gt;|>){3} ?([\s\S]*)$/.exec(rest) ?? /^((?:(?:&gt;|>)[^\n]*(?:\n|$))+)/.exec(rest);
    if (quote) {
      const lines = quote[1].replace(/\n$/, "").replace(/^(?:&gt;|>) ?/gm, "");
      nodes.push(h("blockquote", inline(lines)));
      rest = rest.slice(quote[0].length);
      continue;
    }
    const next = rest.search(/\n(?=&gt;|>)/);
    const plain = next < 0 ? rest : rest.slice(0, next);
    nodes.push(...inline(plain));
    rest = next < 0 ? "" : rest.slice(next + 1);
  }
  return nodes;
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) nodes.push(unescapeText(text.slice(end, match.index)));
    nodes.push(inlineNode(match[0], match.groups));
    end = match.index + match[0].length;
  }
  if (end < text.length) nodes.push(unescapeText(text.slice(end)));
  return nodes;
}

function inlineNode(source, found) {
  if (found.code) return h("code", unescapeText(found.code));
  if (found.angle) return reference(found.angle) ?? unescapeText(source);
  if (found.emoji) return emoji(found.emoji);
  if (found.bold) return h("strong", inline(found.bold));
  if (found.italic) return h("em", inline(found.italic));
  if (found.strike) return h("s", inline(found.strike));
  if (found.url) return link(unescapeText(found.url)) ?? source;
  return h("br");
}

/** A Block Kit text object (or a bare string). */
export function textObject(object) {
  if (object == null) return "";
  if (typeof object === "string") return mrkdwn(object);
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plainText(object.text);
}

export const plainString = (object) => unescapeText(String(object?.text ?? object ?? ""));

function plainText(text) {
  const parts = String(text ?? "").split(/(:[a-z0-9_+'-]{1,40}:|\n)/);
  const nodes = parts.map((part) => (part === "\n" ? h("br") : /^:[^:]+:$/.test(part) ? emoji(part.slice(1, -1)) : unescapeText(part)));
  return h("span", nodes);
}

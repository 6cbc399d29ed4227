// Text as nodes: mrkdwn, Markdown, rich text, Block Kit's text objects.

import { h } from "./dom.js";
import { clock, dayName, emoji, unescapeText } from "./formats.js";
import { store } from "./state.js";
import { author, placeHash } from "./workspace.js";

// Every alternative ends at its own delimiter or at the line's end: the scan of a long text stays linear.
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

/** Slack's mrkdwn as nodes: code blocks, quotes, then the marks within a line. */
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
  const nodes = parts.map((part) => {
    if (part === "\n") return h("br");
    return /^:[^:]+:$/.test(part) ? emoji(part.slice(1, -1)) : unescapeText(part);
  });
  return h("span", nodes);
}

/** A text in angle brackets as a node: person, channel, broadcast, date or link; null for anything else. */
function reference(source) {
  const bar = source.indexOf("|");
  const target = bar < 0 ? source : source.slice(0, bar);
  const label = bar < 0 ? "" : unescapeText(source.slice(bar + 1));
  if (/^@[UWB]\w+$/.test(target)) return personMention(target.slice(1), label);
  if (/^#[CGD]\w+$/.test(target)) return channelMention(target.slice(1), label);
  if (/^!(here|channel|everyone)$/.test(target)) return h("span.mention.mention-me", `@${target.slice(1)}`);
  if (target.startsWith("!subteam^")) return groupMention(target.slice("!subteam^".length), label);
  if (target.startsWith("!date^")) return dateMention(target, label);
  return link(unescapeText(target), label);
}

function personMention(id, label) {
  const name = label || author({ user: id }).name;
  return h(
    "span",
    { class: id === store.me?.id ? "mention mention-me" : "mention", data: { user: id } },
    h("bdi", `@${name.replace(/^@/, "")}`),
  );
}

export const groupHandle = (id) => store.workspace.usergroups?.find((group) => group.id === id)?.handle;

function groupMention(id, label) {
  const group = store.workspace.usergroups?.find((one) => one.id === id);
  return h(
    "span",
    { class: group?.users?.includes(store.me?.id) ? "mention mention-me" : "mention" },
    group ? `@${group.handle}` : label || "@group",
  );
}

function channelMention(id, label) {
  const known = store.channels.get(id);
  const name = `#${known?.name ?? (label || id)}`;
  return known ? h("a.mention", { href: placeHash(store.me.id, id) }, name) : h("span.mention", name);
}

function dateMention(target, fallback) {
  const [, seconds, format = ""] = target.split("^");
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return fallback;
  const text = format.replace(/\{(\w+)\}/g, (_, token) =>
    token.startsWith("time") ? clock(date) : dayName(date),
  );
  return h("time", { datetime: date.toISOString(), title: fallback }, text);
}

const PERMALINK = /^https:\/\/([\w-]+)\.slack\.com\/archives\/(\w+)\/p(\d{10})(\d{6})/;

/** A link, if its scheme is safe. The permalink of a message that this person can see opens it here. */
export function link(url, label = "") {
  if (!/^(https?:\/\/|mailto:)[^\s]+$/i.test(url)) return null;
  const [, domain, channel, seconds, micros] = PERMALINK.exec(url) ?? [];
  if (channel && domain === store.workspace.team?.domain && store.channels.has(channel)) {
    const href = placeHash(store.me.id, channel, `${seconds}.${micros}`);
    return h("a", { href, title: "Show the message" }, h("bdi", label || url));
  }
  const text = label || url.replace(/^mailto:/i, "");
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }, h("bdi", text));
}

export function richTextElement(element) {
  const content = () => (element.elements ?? []).map(richTextInline).flat();
  if (element.type === "rich_text_preformatted") return h("pre", content());
  if (element.type === "rich_text_quote") return h("blockquote", content());
  if (element.type !== "rich_text_list") return h("div.text", { dir: "auto" }, content());
  const list = h(element.style === "ordered" ? "ol" : "ul", {
    start: element.offset ? element.offset + 1 : null,
    class: `indent-${Math.min(element.indent ?? 0, 5)}`,
  });
  const itemContent = (item) => (item.elements ?? []).map(richTextInline).flat();
  list.append(...element.elements.map((item) => h("li", { dir: "auto" }, itemContent(item))));
  return list;
}

function richTextInline(item) {
  const node =
    {
      text: () => item.text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line])),
      link: () => link(item.url, item.text) ?? (item.text || item.url),
      user: () => personMention(item.user_id),
      channel: () => channelMention(item.channel_id),
      usergroup: () => groupMention(item.usergroup_id, ""),
      broadcast: () => h("span.mention.mention-me", `@${item.range}`),
      emoji: () => emoji(item.name),
      date: () =>
        dateMention(`!date^${item.timestamp}^${item.format ?? "{date} {time}"}`, item.fallback ?? ""),
      color: () => h("code", item.value),
    }[item.type]?.() ?? `[${item.type}]`;
  const tags = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };
  const nodes = Array.isArray(node) ? node : [node];
  const styles = Object.keys(tags).filter((style) => item.style?.[style]);
  return styles.length ? [styles.reduce((inner, style) => h(tags[style], {}, inner), nodes)] : nodes;
}

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
          {
            class: `markdown-heading level-${heading[1].length}`,
            role: "heading",
            "aria-level": heading[1].length + 2,
          },
          markdownInline(heading[2]),
        ),
      );
    } else if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) {
      root.append(h("hr"));
    } else if (item) {
      const tag = item[1] ? "ol" : "ul";
      const last = root.lastElementChild;
      const list = last?.localName === tag ? last : root.appendChild(h(tag, { start: item[1] }));
      list.append(h("li", markdownInline(item[2])));
    } else if (/^>/.test(line)) {
      const last = root.lastElementChild;
      const quote = last?.localName === "blockquote" ? last : root.appendChild(h("blockquote"));
      quote.append(h("div", markdownInline(line.replace(/^>\s?/, ""))));
    } else if (line.trim()) {
      root.append(h("p", markdownInline(line)));
    }
  }
  return root;
}

const MARKDOWN_INLINE = new RegExp(
  [
    /`([^`\n]+)`/,
    /\*\*(?=[^\s*])([^*\n]+)\*\*/,
    /(?<![\w*])[*_](?=[^\s*_])([^*_\n]+)[*_](?![\w*])/,
    /~~([^~\n]+)~~/,
    /\[([^\][\n]+)\]\(([^()\s]+)\)/,
    /<([^<>\n]+)>/,
    /:([a-z0-9_+'-]{1,40}):/,
  ]
    .map((part) => part.source)
    .join("|"),
  "g",
);

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

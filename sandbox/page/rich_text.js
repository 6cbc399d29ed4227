// Rich text as nodes.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelMention, dateMention, groupMention, link, personMention } from "./references.js";

export function richTextElement(element) {
  const content = () => (element.elements ?? []).map(richTextInline).flat();
  if (element.type === "rich_text_preformatted") return h("pre", content());
  if (element.type === "rich_text_quote") return h("blockquote", content());
  if (element.type !== "rich_text_list") return h("div.text", { dir: "auto" }, content());
  const list = h(element.style === "ordered" ? "ol" : "ul", {
    start: element.offset ? element.offset + 1 : null,
    class: `indent-${Math.min(element.indent ?? 0, 5)}`,
  });
  list.append(...element.elements.map((item) => h("li", { dir: "auto" }, (item.elements ?? []).map(richTextInline).flat())));
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
      date: () => dateMention(`!date^${item.timestamp}^${item.format ?? "{date} {time}"}`, item.fallback ?? ""),
      color: () => h("code", item.value),
    }[item.type]?.() ?? `[${item.type}]`;
  const tags = { bold: "strong", italic: "em", strike: "s", code: "code", underline: "u" };
  const nodes = Array.isArray(node) ? node : [node];
  const worn = Object.keys(tags).filter((style) => item.style?.[style]);
  return worn.length ? [worn.reduce((inner, style) => h(tags[style], {}, inner), nodes)] : nodes;
}

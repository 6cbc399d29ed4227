// The sandbox's page: one workspace, seen as one person.
//
// Whatever people or apps write reaches the document as text nodes and attributes that are set one by one;
// markup is never built from strings. What is shown is what the server says: a click sends a request, and
// the screen changes when the server pushes the result.
//
//   1 elements and icons      4 Block Kit: elements      7 the server and its live connection
//   2 emoji                   5 Block Kit: blocks        8 what is on screen: rail, messages, thread, Home, modal
//   3 text: mrkdwn, markdown  6 tables and charts        9 writing: composer, suggestions       10 start

// ── 1 Elements and icons ─────────────────────────────────────────────────────────────────────────────

const byId = (id) => document.getElementById(id);

/** An element: `h("p.muted", {title, data: {…}, on: {click}}, …children)`; attributes may be left out. */
function h(selector, ...rest) {
  const [tag, ...classes] = selector.split(".");
  const { data = {}, on = {}, ...attributes } = rest[0]?.constructor === Object ? rest.shift() : {};
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  if (tag === "button") node.type = "button";
  setAttributes(node, attributes);
  for (const [name, value] of Object.entries(data)) if (value != null) node.dataset[name] = value;
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  node.append(...rest.flat(2).filter((child) => child != null && child !== false));
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(node, attributes);
  node.append(...children.flat());
  return node;
}

function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
}

const ICONS = {
  add: "M12 5v14M5 12h14",
  app: "M5 8a4 4 0 0 1 4-4h6a4 4 0 0 1 4 4v4a4 4 0 0 1-4 4h-3l-4.5 4v-4.2A4 4 0 0 1 5 12z",
  bold: "M7 5h6a3.5 3.5 0 0 1 0 7H7zM7 12h7a3.5 3.5 0 0 1 0 7H7z",
  close: "M6 6l12 12M18 6L6 18",
  code: "M9 7l-5 5 5 5M15 7l5 5-5 5",
  down: "M6 9l6 6 6-6",
  edit: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  file: "M7 3h7l5 5v13H7zM14 3v5h5",
  hash: "M9 4L7 20M17 4l-2 16M4.5 9h16M3.5 15h16",
  home: "M4 11l8-7 8 7M6 10v9h12v-9",
  italic: "M11 5h6M7 19h6M14 5l-4 14",
  menu: "M4 7h16M4 12h16M4 17h16",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  open: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  reply: "M5 6h14a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1h-7l-4 4v-4H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1z",
  send: "M4 12l16-8-5 16-3-7z",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5h.01M15 9.5h.01",
  strike: "M5 12h14M16 7.5C15.500 6 14 5 12 5 9.500 5 8 6.300 8 8M8 16c.5 2 2 3 4 3 2.600 0 4.200-1.400 4.200-3.200",
  thumbs_down: "M17 14V4M7 4h10l3 0v10h-3l-4 7a2.500 2.500 0 0 1-2.500-2.500V14H5.500A2 2 0 0 1 3.500 11.600L5 5.600A2 2 0 0 1 7 4z",
  thumbs_up: "M7 10v10M17 20H4V10h3l4-7a2.500 2.500 0 0 1 2.500 2.500V10h5a2 2 0 0 1 2 2.400l-1.500 6A2 2 0 0 1 17 20z",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
};

function icon(name, className = "icon") {
  const path = svg("path", { d: ICONS[name] ?? ICONS.more });
  return svg("svg", { class: className, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, path);
}

function iconButton(name, label, onClick, attributes = {}) {
  const { class: extra = "", ...rest } = attributes;
  return h(
    "button",
    { class: `icon-button ${extra}`.trim(), "aria-label": label, title: label, on: { click: onClick }, ...rest },
    icon(name),
  );
}

// ── 2 Emoji ──────────────────────────────────────────────────────────────────────────────────────────

const EMOJI_TABLE = `
  +1 👍  -1 👎  100 💯  alarm_clock ⏰  angry 😠  art 🎨  arrow_down ⬇️  arrow_left ⬅️  arrow_right ➡️  arrow_up ⬆️
  ballot_box_with_check ☑️  bangbang ‼️  bar_chart 📊  bell 🔔  black_circle ⚫  blue_heart 💙  blush 😊  book 📖  books 📚
  boom 💥  brain 🧠  bug 🐛  bulb 💡  busts_in_silhouette 👥  calendar 📅  chart_with_downwards_trend 📉
  chart_with_upwards_trend 📈  checkered_flag 🏁  clap 👏  clipboard 📋  confused 😕  construction 🚧  credit_card 💳  cry 😢
  dart 🎯  disappointed 😞  email 📧  envelope ✉️  exclamation ❗  eyes 👀  face_with_monocle 🧐  fire 🔥  flag 🚩  gear ⚙️
  gift 🎁  globe_with_meridians 🌐  green_heart 💚  grey_question ❔  grin 😁  grinning 😀  handshake 🤝  headphones 🎧
  heart ❤️  heart_eyes 😍  heavy_check_mark ✔️  hourglass ⌛  hourglass_flowing_sand ⏳  inbox_tray 📥
  information_source ℹ️  joy 😂  key 🔑  label 🏷️  large_blue_circle 🔵  large_green_circle 🟢  large_orange_circle 🟠
  large_red_square 🟥  large_yellow_circle 🟡  link 🔗  lock 🔒  mag 🔍  mega 📣  memo 📝  moneybag 💰  muscle 💪  neutral_face 😐
  new 🆕  no_entry ⛔  no_entry_sign 🚫  ok 🆗  ok_hand 👌  open_hands 👐  package 📦  paperclip 📎  partying_face 🥳  pencil 📝
  pensive 😔  phone ☎️  pray 🙏  pushpin 📌  question ❓  rage 😡  raised_hand ✋  raised_hands 🙌  recycle ♻️  red_circle 🔴
  relieved 😌  repeat 🔁  robot_face 🤖  rocket 🚀  rotating_light 🚨  satellite 📡  scales ⚖️  see_no_evil 🙈  seedling 🌱
  shield 🛡️  shrug 🤷  slightly_frowning_face 🙁  slightly_smiling_face 🙂  smile 😄  smiley 😃  sob 😭  sos 🆘  sparkles ✨
  speech_balloon 💬  star ⭐  stopwatch ⏱️  sunglasses 😎  sweat_smile 😅  tada 🎉  thinking_face 🤔  thumbsdown 👎  thumbsup 👍
  ticket 🎫  triangular_flag_on_post 🚩  unamused 😒  unlock 🔓  warning ⚠️  wave 👋  white_check_mark ✅  white_circle ⚪
  wink 😉  wrench 🔧  writing_hand ✍️  x ❌  yellow_heart 💛  zap ⚡  zzz 💤
`;
const EMOJI = Object.fromEntries([...EMOJI_TABLE.matchAll(/(\S+) (\S+)/g)].map(([, name, character]) => [name, character]));

const PICKER = `+1 -1 heart tada eyes pray raised_hands clap smile joy thinking_face cry angry rage white_check_mark x
  question warning fire rocket bug bulb 100 wave`.split(/\s+/);

function emoji(name) {
  const character = EMOJI[name.split("::")[0]];
  return character ? h("span.emoji", { role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` }, character) : `:${name}:`;
}

// ── 3 Text: mrkdwn and markdown ──────────────────────────────────────────────────────────────────────

const unescapeText = (text) => text.replace(/&(lt|gt|amp);/g, (_, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);

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
function mrkdwn(text) {
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

/** What stands between angle brackets: a person, a channel, a broadcast, a date or a link; null for anything else. */
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

const groupHandle = (id) => store.workspace.usergroups?.find((group) => group.id === id)?.handle;

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
  const text = format.replace(/\{(\w+)\}/g, (_, token) => (token.startsWith("time") ? clock(date) : dayName(date)));
  return h("time", { datetime: date.toISOString(), title: fallback }, text);
}

/** A link, if its scheme can do no harm. The permalink of a message that this person can see leads there. */
function link(url, label = "") {
  if (!/^(https?:\/\/|mailto:)[^\s]+$/i.test(url)) return null;
  const [, domain, channel, seconds, micros] = /^https:\/\/([\w-]+)\.slack\.com\/archives\/(\w+)\/p(\d{10})(\d{6})/.exec(url) ?? [];
  if (channel && domain === store.workspace.team?.domain && store.channels.has(channel)) {
    return h("a", { href: placeHash(store.me.id, channel, `${seconds}.${micros}`), title: "Show the message" }, h("bdi", label || url));
  }
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer", title: url }, h("bdi", label || url.replace(/^mailto:/i, "")));
}

/** A Block Kit text object (or a bare string). */
function textObject(object) {
  if (object == null) return "";
  if (typeof object === "string") return mrkdwn(object);
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plainText(object.text);
}

const plainString = (object) => unescapeText(String(object?.text ?? object ?? ""));

function plainText(text) {
  const parts = String(text ?? "").split(/(:[a-z0-9_+'-]{1,40}:|\n)/);
  const nodes = parts.map((part) => (part === "\n" ? h("br") : /^:[^:]+:$/.test(part) ? emoji(part.slice(1, -1)) : unescapeText(part)));
  return h("span", nodes);
}

/** The `markdown` block: standard Markdown, as far as a message needs it. */
function markdown(text) {
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

// ── 4 Block Kit: elements ────────────────────────────────────────────────────────────────────────────
//
// A surface says where blocks stand: {channel, ts} for a message, {viewId, controls, values} for a view. Controls
// that hold a value register themselves in `controls`, so that a modal can be read when it is submitted.

let controlCount = 0;

/** Sends one interaction and keeps its control busy until the app has answered. */
async function press(surface, block, element, control, payload = {}) {
  if (element.confirm && !(await confirmation(element.confirm))) return false;
  const place = surface.viewId ? { view_id: surface.viewId, values: collect(surface) } : { channel: surface.channel, ts: surface.ts };
  setBusy(control, true);
  const answer = await call("press", { ...place, block_id: block.block_id, action_id: element.action_id, ...payload });
  setBusy(control, false);
  if (!answer.ok) toast(explain(answer.error));
  return answer.ok;
}

function setBusy(control, busy) {
  control.toggleAttribute("disabled", busy);
  if (busy) control.setAttribute("aria-busy", "true");
  else control.removeAttribute("aria-busy");
}

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

function blockElement(element, block, surface) {
  const build = ELEMENTS[element?.type];
  return build ? build(element, block, surface) : unknown(element?.type);
}

const hooks = (element) => ({ actionId: element.action_id });

function buttonElement(element, block, surface) {
  const style = ["primary", "danger"].includes(element.style) ? ` button-${element.style}` : "";
  const button = h(
    "button",
    { class: `button${style}`, "aria-label": element.accessibility_label, data: hooks(element) },
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
  const button = iconButton(element.icon, label, () => press(surface, block, element, button, { value: element.value }), {
    class: "icon-labelled",
    data: hooks(element),
  });
  button.append(h("span", plainString(element.text)));
  return button;
}

/** 👍 / 👎: what this person pressed stays marked, as a message does not carry it. */
function feedbackElement(element, block, surface) {
  const key = [store.me.id, surface.ts ?? surface.viewId, block.block_id, element.action_id].join(" ");
  const sides = [
    ["thumbs_up", element.positive_button],
    ["thumbs_down", element.negative_button],
  ];
  const group = h("div.feedback", { role: "group", "aria-label": "Was this helpful?", data: hooks(element) });
  const mark = () =>
    group.childNodes.forEach((button) => button.setAttribute("aria-pressed", String(store.pressed.get(key) === button.value)));
  for (const [glyph, side] of sides) {
    const label = side.accessibility_label || plainString(side.text);
    const button = h(
      "button.feedback-button",
      { value: side.value, "aria-label": label, title: label, data: { feedback: glyph } },
      icon(glyph),
    );
    button.addEventListener("click", async () => {
      if (await press(surface, block, element, button, { value: side.value })) store.pressed.set(key, side.value);
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
    { class: "button", data: hooks(element), "aria-haspopup": "menu" },
  );
  return button;
}

/** The options a menu offers: the app's own, or the workspace's people or channels. */
function optionGroups(element) {
  const asOption = (value, text) => ({ value, text: { type: "plain_text", text } });
  if (/users_select$/.test(element.type))
    return [{ options: store.people.map((person) => asOption(person.id, person.real_name || person.name)) }];
  if (/(channels|conversations)_select$/.test(element.type))
    return [{ options: [...store.channels.values()].map((channel) => asOption(channel.id, placeName(channel))) }];
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
  const nodes = (options) => options.map((option) => h("option", { value: option.value }, plainString(option.text)));
  return groups
    .map((group) => (group.label ? h("optgroup", { label: plainString(group.label) }, nodes(group.options)) : nodes(group.options)))
    .flat();
}

function selectElement(element, block, surface) {
  const groups = optionGroups(element);
  const options = groups.flatMap((group) => group.options);
  const hint = plainString(element.placeholder) || "Choose an option";
  const select = h(
    "select.select",
    { "aria-label": hint, data: hooks(element) },
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
  onChange(surface, block, element, select, () => (field ? { [field]: select.value || null } : { selected_option: chosen() }));
  return h("span.select-wrap", select, icon("down"));
}

function multiSelectElement(element, block, surface) {
  const groups = optionGroups(element);
  const options = groups.flatMap((group) => group.options);
  const field = ID_FIELDS[element.type] ?? "selected_options";
  const initial = (remembered(surface, block, element)?.[field] ?? element[field.replace("selected", "initial")] ?? []).map(
    (option) => option.value ?? option,
  );
  const select = h(
    "select.select",
    { multiple: true, "aria-label": plainString(element.placeholder) || "Choose options", data: hooks(element) },
    optionNodes(groups),
  );
  for (const option of select.options) option.selected = initial.includes(option.value);
  onChange(surface, block, element, select, () => {
    const values = [...select.selectedOptions].map((option) => option.value);
    return { [field]: field === "selected_options" ? options.filter((option) => values.includes(option.value)) : values };
  });
  return select;
}

function choicesElement(element, block, surface) {
  const single = element.type === "radio_buttons";
  const name = `choice-${++controlCount}`;
  const before = remembered(surface, block, element);
  const initial = before ? (before.selected_options ?? [before.selected_option]) : (element.initial_options ?? [element.initial_option]);
  const chosen = new Set(initial.filter(Boolean).map((option) => option.value));
  const box = h("div.choices", { role: single ? "radiogroup" : "group", data: hooks(element) });
  for (const option of element.options ?? []) {
    const input = h("input", { type: single ? "radio" : "checkbox", name, value: option.value, checked: chosen.has(option.value) });
    box.append(
      h("label.choice", input, h("span", textObject(option.text), option.description && h("small", textObject(option.description)))),
    );
  }
  onChange(surface, block, element, box, () => {
    const values = [...box.querySelectorAll("input:checked")].map((input) => input.value);
    const options = element.options.filter((option) => values.includes(option.value));
    return single ? { selected_option: options[0] ?? null } : { selected_options: options };
  });
  return box;
}

const INPUT_TYPES = { email_text_input: "email", url_text_input: "url", number_input: "text", datepicker: "date", timepicker: "time" };
const INPUT_FIELDS = { datepicker: "selected_date", timepicker: "selected_time", rich_text_input: "rich_text_value" };

const asRichText = (text) =>
  text ? { type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }] } : null;

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
    data: hooks(element),
  });
  const initial =
    remembered(surface, block, element)?.[field] ?? element.initial_value ?? element.initial_date ?? element.initial_time ?? "";
  control.value = typeof initial === "string" ? initial : h("div", initial.elements.map(richTextElement)).textContent;
  onChange(surface, block, element, control, () => ({
    [field]: field === "rich_text_value" ? asRichText(control.value) : control.value || null,
  }));
  return control;
}

/** Inside an `input` block a value waits for the submit (unless `dispatch_action`); elsewhere it is sent at once. */
function onChange(surface, block, element, control, value) {
  surface.controls?.push({ block, element, control, value });
  if (block.type === "input" && !block.dispatch_action) return;
  control.addEventListener("change", () => {
    const [[name, chosen]] = Object.entries(value());
    press(surface, block, element, control, /option/.test(name) ? { selected_option: chosen } : { value: chosen });
  });
}

const remembered = (surface, block, element) => surface.values?.[block.block_id]?.[element.action_id];

/** The values of a view, in the shape of Slack's `state.values`. */
function collect(surface) {
  const values = {};
  for (const { block, element, value } of surface.controls ?? [])
    (values[block.block_id] ??= {})[element.action_id] = { type: element.type, ...value() };
  return values;
}

const isEmpty = (value) => Object.values(value).every((entry) => entry == null || entry.length === 0);

function confirmation(confirm) {
  return ask({
    title: plainString(confirm.title) || "Are you sure?",
    body: textObject(confirm.text),
    yes: plainString(confirm.confirm) || "Yes",
    no: plainString(confirm.deny) || "Cancel",
    danger: confirm.style === "danger",
  });
}

// ── 5 Block Kit: blocks ──────────────────────────────────────────────────────────────────────────────

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

function blocks(list, surface) {
  return list.map((block) => {
    const build = BLOCKS[block?.type];
    const node = build ? build(block, surface) : unknown(block?.type);
    node.classList.add("block");
    if (block?.block_id) node.dataset.blockId = block.block_id;
    node.dataset.block = block?.type ?? "none";
    return node;
  });
}

const unknown = (type) => h("div.block-unknown", `Cannot show “${type ?? "untyped"}” here`);

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
  const id = `input-${++controlCount}`;
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

/** Pictures from this server are shown; a picture elsewhere would tell its host who reads, so it is only named. */
function picture({ image_url: address, alt_text: label = "" }, className) {
  const url = address && URL.canParse(address, location.href) ? new URL(address, location.href) : null;
  if (url?.origin === location.origin || /^data:image\/(png|jpeg|gif|webp);/.test(address ?? ""))
    return h("img", { class: className, src: url.href, alt: label, loading: "lazy" });
  const name = h("span", { class: `image-elsewhere ${className}`, title: address }, icon("file"), h("span", label || "Picture"));
  const opener = link(address ?? "");
  opener?.replaceChildren(name);
  return opener ?? name;
}

function richTextElement(element) {
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

// ── 6 Tables and charts ──────────────────────────────────────────────────────────────────────────────

const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
const compactNumber = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 2 });

const cellText = (cell) => cell?.text ?? (cell?.type === "raw_number" ? number.format(cell.value) : "");
const cellWords = (cell) => (cell?.type === "rich_text" ? h("div", cell.elements.map(richTextElement)).textContent : cellText(cell));
const compareCells = (a, b) =>
  a?.type === "raw_number" && b?.type === "raw_number"
    ? a.value - b.value
    : cellWords(a).localeCompare(cellWords(b), undefined, { numeric: true });

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

// Okabe and Ito's palette: six hues that stay apart for every common kind of colour blindness.
const SERIES_COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"];
const colour = (index) => SERIES_COLOURS[index % SERIES_COLOURS.length];

function chartBlock(block) {
  const { chart = {} } = block;
  const canvas = h("div.chart-canvas");
  const draw = { pie: drawPie, bar: drawAxes, line: drawAxes, area: drawAxes }[chart.type];
  if (!draw) return unknown(`chart: ${chart.type}`);
  // Drawn for the width at hand, so that labels keep their size in a thread and on a phone.
  let drawnFor = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.max(240, Math.round(entry.contentRect.width));
    if (width === drawnFor) return;
    drawnFor = width;
    canvas.replaceChildren(draw(chart, width, chartWords(block)));
  }).observe(canvas);
  const entries =
    chart.type === "pie"
      ? pieShares(chart).map(({ label, share }) => `${label} · ${percent(share)}`)
      : (chart.series ?? []).map((series) => series.name);
  const legend = h(
    "ul.legend",
    entries.map((label, index) => h("li", swatch(index), label)),
  );
  return h("figure.block-chart", h("figcaption", block.title ?? ""), canvas, legend);
}

const swatch = (index) =>
  svg(
    "svg",
    { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" },
    svg("rect", { width: 10, height: 10, rx: 3, fill: colour(index) }),
  );
const percent = (share) => `${number.format(Math.round(share * 1000) / 10)} %`;

function chartWords({ title, chart }) {
  const points = (data) => data.map((point) => `${point.label} ${number.format(point.value)}`).join(", ");
  const parts =
    chart.type === "pie"
      ? [points(chart.segments ?? [])]
      : (chart.series ?? []).map((series) => `${series.name}: ${points(series.data ?? [])}`);
  return `${title ?? ""}, ${chart.type} chart. ${parts.join("; ")}`;
}

function pieShares(chart) {
  const segments = (chart.segments ?? []).filter((segment) => segment.value > 0);
  const total = segments.reduce((sum, segment) => sum + segment.value, 0);
  return segments.map((segment) => ({ ...segment, share: segment.value / total }));
}

function drawPie(chart, width, label) {
  const radius = 92;
  const root = svg("svg", { viewBox: `${-width / 2} -100 ${width} 200`, width, height: 200, role: "img", "aria-label": label });
  let turn = -0.25;
  pieShares(chart).forEach((segment, index) => {
    const title = svg("title", {}, `${segment.label}: ${number.format(segment.value)} (${percent(segment.share)})`);
    const [x1, y1, x2, y2] = [turn, turn + segment.share].flatMap((at) => [
      radius * Math.cos(2 * Math.PI * at),
      radius * Math.sin(2 * Math.PI * at),
    ]);
    const whole = segment.share > 0.9999;
    root.append(
      whole
        ? svg("circle", { r: radius, fill: colour(index) }, title)
        : svg(
            "path",
            {
              class: "slice",
              fill: colour(index),
              d: `M0 0L${x1} ${y1}A${radius} ${radius} 0 ${segment.share > 0.5 ? 1 : 0} 1 ${x2} ${y2}Z`,
            },
            title,
          ),
    );
    turn += segment.share;
  });
  root.append(svg("circle", { r: radius * 0.56, class: "pie-hole" }));
  return root;
}

/** Round axis steps (1, 2, 2.5 or 5 times a power of ten) that cover low…high. */
function niceTicks(low, high, wanted = 5) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const ticks = [];
  for (let tick = Math.floor(low / step) * step; tick < high + step * 0.999; tick += step) ticks.push(Math.round(tick / step) * step);
  return ticks;
}

function drawAxes(chart, width, label) {
  const { categories = [], x_label: xLabel, y_label: yLabel } = chart.axis_config ?? {};
  const names = categories.length ? categories : (chart.series?.[0]?.data ?? []).map((point) => point.label);
  const series = (chart.series ?? []).map((line) => ({
    name: line.name,
    values: names.map((name) => line.data?.find((point) => point.label === name)?.value ?? null),
  }));
  const all = series.flatMap((line) => line.values).filter((value) => value != null);
  const fromZero = chart.type === "line" ? [] : [0];
  const ticks = niceTicks(Math.min(...all, ...fromZero), Math.max(...all, ...fromZero));
  const [low, high] = [ticks[0], ticks.at(-1)];
  const tickText = (tick) => (Math.abs(tick) >= 10000 ? compactNumber : number).format(tick);

  const edge = {
    top: 10,
    right: 14,
    bottom: xLabel ? 46 : 28,
    left: 16 + 7 * Math.max(...ticks.map((tick) => tickText(tick).length)) + (yLabel ? 18 : 0),
  };
  const height = 240;
  const [inner, floor] = [width - edge.left - edge.right, height - edge.bottom];
  const y = (value) => floor - ((value - low) / (high - low)) * (floor - edge.top);
  const band = inner / Math.max(1, names.length);
  const middle = (index) => edge.left + band * (index + 0.5);
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });

  for (const tick of ticks) {
    root.append(svg("line", { class: tick === 0 ? "axis" : "grid", x1: edge.left, x2: width - edge.right, y1: y(tick), y2: y(tick) }));
    root.append(svg("text", { x: edge.left - 8, y: y(tick) + 4, "text-anchor": "end" }, tickText(tick)));
  }
  // Labels that would run into each other are thinned out; every point keeps its name in its tooltip.
  const every = Math.max(1, Math.ceil((Math.max(...names.map((name) => name.length), 1) * 6.6 + 8) / band));
  names.forEach(
    (name, index) => index % every === 0 && root.append(svg("text", { x: middle(index), y: floor + 18, "text-anchor": "middle" }, name)),
  );
  if (xLabel) root.append(svg("text", { class: "axis-label", x: edge.left + inner / 2, y: height - 6, "text-anchor": "middle" }, xLabel));
  if (yLabel)
    root.append(
      svg(
        "text",
        { class: "axis-label", transform: `translate(12 ${(edge.top + floor) / 2}) rotate(-90)`, "text-anchor": "middle" },
        yLabel,
      ),
    );

  const plot = { root, names, y, middle, band, base: y(Math.min(Math.max(0, low), high)), count: series.length };
  series.forEach((line, index) => (chart.type === "bar" ? drawBars : drawLine)(plot, line, index, chart.type));
  return root;
}

const pointTitle = (plot, line, index) => svg("title", {}, `${line.name}, ${plot.names[index]}: ${number.format(line.values[index])}`);

function drawBars(plot, line, seriesIndex) {
  const width = Math.min(46, (plot.band * 0.76) / plot.count);
  line.values.forEach((value, index) => {
    if (value == null) return;
    const x = plot.middle(index) + (seriesIndex - plot.count / 2) * width;
    const [top, bottom] = [Math.min(plot.y(value), plot.base), Math.max(plot.y(value), plot.base)];
    plot.root.append(
      svg(
        "rect",
        { x: x + 1, y: top, width: Math.max(1, width - 2), height: Math.max(1, bottom - top), rx: 2, fill: colour(seriesIndex) },
        pointTitle(plot, line, index),
      ),
    );
  });
}

function drawLine(plot, line, seriesIndex, type) {
  const points = line.values.map((value, index) => (value == null ? null : [plot.middle(index), plot.y(value)])).filter(Boolean);
  const path = points.map(([x, y]) => `${x} ${y}`).join("L");
  if (type === "area" && points.length)
    plot.root.append(
      svg("path", {
        d: `M${points[0][0]} ${plot.base}L${path}L${points.at(-1)[0]} ${plot.base}Z`,
        fill: colour(seriesIndex),
        "fill-opacity": 0.25,
      }),
    );
  plot.root.append(
    svg("path", { d: `M${path}`, fill: "none", stroke: colour(seriesIndex), "stroke-width": 2.5, "stroke-linejoin": "round" }),
  );
  line.values.forEach(
    (value, index) =>
      value != null &&
      plot.root.append(
        svg("circle", { cx: plot.middle(index), cy: plot.y(value), r: 4, fill: colour(seriesIndex) }, pointTitle(plot, line, index)),
      ),
  );
}

// ── 7 The server and its live connection ─────────────────────────────────────────────────────────────

const store = {
  workspace: {},
  people: [],
  me: null,
  openedAt: Date.now() / 1000,
  sought: null,
  channels: new Map(),
  messages: new Map(), // channel id → its messages by ts
  home: null,
  view: null,
  place: null,
  thread: null,
  pressed: new Map(),
  expanded: new Set(),
  dismissed: new Set(),
  read: {},
  drafts: new Map(),
  sentHere: new Set(),
};

const ERRORS = {
  operation_timeout: "The app did not answer in time",
  unknown_command: "There is no such command",
  message_not_found: "That message is gone",
  view_not_found: "That window is gone",
  action_not_found: "That button is gone",
  channel_not_found: "You are not in this channel",
  cant_update_message: "Only its author can change a message",
  cant_delete_message: "Only its author can delete a message",
  unreachable: "The sandbox cannot be reached",
};

const explain = (error) => ERRORS[error] ?? `Refused: ${String(error ?? "unknown error").replaceAll("_", " ")}`;

async function fetchJson(path, options) {
  try {
    const response = await fetch(path, options);
    return await response.json();
  } catch {
    return { ok: false, error: "unreachable" };
  }
}

/** Something the person does; the answer always has `ok`. */
function call(action, body) {
  return fetchJson(`/person/${store.me.id}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function loadWorkspace() {
  const workspace = await fetchJson("/person/workspace");
  if (workspace.ok === false) return false;
  store.workspace = workspace;
  const botUser = workspace.app?.bot_user;
  store.people = (workspace.people ?? []).filter((person) => person.id !== botUser && !person.is_bot);
  return true;
}

const live = { socket: null, delay: 500 };

/** Opens the live connection of the current person; pushes that come before the state are kept until it is there. */
function connect() {
  const person = store.me.id;
  const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/person/${person}/live`);
  const isCurrent = () => live.socket === socket;
  let early = [];
  live.socket?.close();
  live.socket = socket;
  socket.addEventListener("message", ({ data }) => {
    if (!isCurrent()) return;
    if (early) early.push(JSON.parse(data));
    else receive(JSON.parse(data));
  });
  socket.addEventListener("open", async () => {
    const state = await fetchJson(`/person/${person}/state`);
    if (!isCurrent()) return;
    if (state.ok === false) return socket.close();
    live.delay = 500;
    byId("connection").hidden = true;
    takeState(state);
    for (const push of early) receive(push, { silent: true });
    early = null;
    render();
  });
  socket.addEventListener("close", () => {
    if (!isCurrent()) return;
    byId("connection").hidden = false;
    setTimeout(() => isCurrent() && reconnect(), live.delay);
  });
}

/** Waits until the server is back; it may be another workspace by then, without this person. */
async function reconnect() {
  const { socket } = live;
  live.delay = Math.min(live.delay * 2, 8000);
  const isBack = await loadWorkspace();
  if (live.socket !== socket) return;
  if (!isBack) setTimeout(() => live.socket === socket && reconnect(), live.delay);
  else if (store.people.some((person) => person.id === store.me.id)) connect();
  else location.replace("/");
}

function takeState(state) {
  store.channels = new Map(state.channels.map((channel) => [channel.id, channel]));
  store.messages = new Map(Object.entries(state.messages).map(([id, list]) => [id, new Map(list.map((message) => [message.ts, message]))]));
  store.home = state.home;
  store.view = state.view;
  const known = store.place === "home" || store.channels.has(store.place);
  if (!known) [store.place, store.thread] = [firstPlace(), null];
  if (!known) history.replaceState(null, "", placeHash(store.me.id, store.place));
  if (store.thread) store.thread = rootOf(store.place, store.thread);
}

const firstPlace = () => [...store.channels.keys()][0] ?? "home";

function receive(push, { silent = false } = {}) {
  if (push.type === "message") {
    if (!store.messages.has(push.channel)) store.messages.set(push.channel, new Map());
    const known = store.messages.get(push.channel).has(push.message.ts);
    store.messages.get(push.channel).set(push.message.ts, push.message);
    if (!known && !silent) noticeMessage(push.channel, push.message);
  } else if (push.type === "message_removed") {
    store.messages.get(push.channel)?.delete(push.ts);
  } else if (push.type === "view") {
    store.view = push.view;
  } else if (push.type === "home") {
    store.home = push.view;
  } else if (push.type === "channel") {
    store.channels.set(push.channel.id, push.channel);
  }
  if (!silent) scheduleRender();
}

/** Reads a new message to those who listen. */
function noticeMessage(channel, message) {
  if (channel !== store.place || message.user === store.me.id) return;
  byId("announcer").append(h("p", `${author(message).name}: ${plainWords(message)}`));
  while (byId("announcer").childElementCount > 20) byId("announcer").firstElementChild.remove();
  openAnsweredThread(channel, message.thread_ts);
}

/** Opens the thread in which the app answers what was asked in this window; the answer may come before the question's receipt. */
function openAnsweredThread(channel, root) {
  const answered = store.sentHere.has(root) && replies(channel, root).some((message) => author(message).isBot);
  if (!answered || store.place !== channel || store.thread || innerWidth < 1100) return;
  store.threadOpenedItself = true; // so that whoever is still typing keeps the focus
  location.hash = placeHash(store.me.id, channel, root);
}

function plainWords(message) {
  const nodes = message.text ? [mrkdwn(message.text.slice(0, 600))] : blocks(message.blocks ?? [], {});
  return h("div", nodes).textContent.replace(/\s+/g, " ").slice(0, 300);
}

// ── 8 What is on screen ──────────────────────────────────────────────────────────────────────────────

const ROLES = [
  ["admin", /admin|owner/i],
  ["agent", /agent|support/i],
];
const titleOf = (person) => person.profile?.title ?? "";
const roleOf = (person) => ROLES.find(([, words]) => words.test(titleOf(person)))?.[0] ?? (person.is_admin ? "admin" : "customer");
const nameOf = (person) => person.real_name || person.name;
const initials = (name) =>
  name
    .split(/\s+/)
    .filter(Boolean)
    .map((word) => [...word][0])
    .slice(0, 2)
    .join("")
    .toUpperCase();
const placeHash = (user, channel, ts) => `#${[user, channel, ts].filter(Boolean).join("/")}`;

/** Who wrote a message: {id, name, isBot}. */
function author(message) {
  const app = store.workspace.app ?? {};
  const ours = message.bot_id === app.bot_id || message.user === app.bot_user;
  if (message.bot_id || ours)
    return {
      id: message.bot_id ?? message.user,
      name: message.username || (ours ? app.name : message.bot_profile?.name) || "App",
      isBot: true,
    };
  const person = [...store.people, ...(store.workspace.people ?? [])].find((one) => one.id === message.user);
  return { id: message.user, name: person ? nameOf(person) : (message.username ?? message.user ?? "Someone"), isBot: false };
}

function avatar({ id, name, isBot }, size = "") {
  const letters = size === "avatar-tiny" ? [...initials(name)][0] : initials(name);
  return h(
    "span",
    { class: `avatar ${size}`, "aria-hidden": "true", data: { tint: isBot ? "app" : tintOf(id) } },
    isBot ? icon("app") : letters,
  );
}

/** The role's own colour for its first person, other colours for the next ones. */
function tintOf(id) {
  const person = store.people.find((one) => one.id === id);
  if (!person) return "none";
  const peers = store.people.filter((one) => roleOf(one) === roleOf(person));
  return `${roleOf(person)}-${peers.indexOf(person) % 4}`;
}

const isDirect = (channel) => channel.is_im;

function placeName(channel) {
  if (!isDirect(channel)) return channel.name;
  const others = channel.members.filter((id) => id !== store.me.id).map((id) => author({ user: id }).name);
  return others.join(", ") || channel.name || "Direct message";
}

const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const dateOf = (ts) => new Date(Number(ts) * 1000);

function dayName(date) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0 || days === 1) return ["Today", "Yesterday"][days];
  return date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year: days > 300 ? "numeric" : undefined });
}

let renderPending = false;
function scheduleRender() {
  if (renderPending) return;
  renderPending = true;
  // A window in the background draws no frames, but its title counts what is unread.
  (document.hidden ? setTimeout : requestAnimationFrame)(() => {
    renderPending = false;
    render();
  });
}

function render() {
  renderRail();
  renderPlace();
  renderThread();
  renderModal();
  revealSought();
  markRead();
}

/** The message that the address names comes into sight. */
function revealSought() {
  const found = [...document.querySelectorAll(`.message[data-ts="${CSS.escape(store.sought ?? "")}"]`)];
  if (!found.length) return;
  found.forEach((node) => node.scrollIntoView({ block: "nearest" }));
  if (store.sought !== store.thread) found.forEach((node) => node.classList.add("message-flash"));
  store.sought = null;
}

// Rail

function renderRail() {
  const { team = {}, app = {} } = store.workspace;
  byId("workspace-name").textContent = team.name ?? "Workspace";
  byId("workspace-mark").textContent = initials(team.name ?? "W");
  const here = store.place ?? undefined;
  byId("me").replaceChildren(
    ...store.people.map((person) => {
      const current = person.id === store.me.id;
      const card = h(
        "a.persona-card",
        { href: placeHash(person.id, here), "aria-current": current ? "true" : null, data: { person: person.id, role: roleOf(person) } },
        avatar({ id: person.id, name: nameOf(person) }),
        h("span.persona-words", h("strong", nameOf(person)), h("small", titleOf(person) || roleOf(person))),
      );
      const second = h(
        "a.icon-button",
        {
          href: placeHash(person.id, here),
          target: "_blank",
          rel: "noopener",
          "aria-label": `Open a second window as ${nameOf(person)}`,
          title: `Open a second window as ${nameOf(person)}`,
        },
        icon("open"),
      );
      return h("li", card, second);
    }),
  );
  byId("me").dataset.user = store.me.id;
  document.documentElement.dataset.role = roleOf(store.me);

  const rooms = [...store.channels.values()];
  const direct = rooms.filter(isDirect);
  byId("channels").replaceChildren(
    ...rooms.filter((channel) => !isDirect(channel)).map((channel) => railItem(channel.id, channel.name, icon("hash"))),
  );
  byId("direct").replaceChildren(...direct.map((channel) => railItem(channel.id, placeName(channel), icon("reply"))));
  byId("direct-section").hidden = direct.length === 0;
  byId("apps").replaceChildren(railItem("home", `${app.name ?? "App"} Home`, icon("home")));
}

function railItem(id, name, glyph) {
  const count = id === "home" ? 0 : unread(id);
  const badge = count > 0 && h("span.badge", String(count), h("span.visually-hidden", " unread"));
  return h(
    "li",
    h(
      "a",
      {
        class: count ? "rail-item rail-item-unread" : "rail-item",
        href: placeHash(store.me.id, id),
        "aria-current": id === store.place ? "page" : null,
        data: { channel: id },
      },
      glyph,
      h("span.rail-name", name),
      badge,
    ),
  );
}

function unread(channel) {
  if (channel === store.place && !document.hidden) return 0;
  const since = store.read[channel] ?? String(store.openedAt);
  const messages = store.messages.get(channel) ?? new Map();
  const concernsMe = (message) =>
    isTopLevel(message) || messages.get(message.thread_ts)?.user === store.me.id || message.text?.includes(`<@${store.me.id}>`);
  return [...messages.values()].filter(
    (message) => message.ts > since && message.user !== store.me.id && !store.dismissed.has(message.ts) && concernsMe(message),
  ).length;
}

/** What a person has read is this window's own memory: another window may be another person. */
function markRead() {
  const newest = [...(store.messages.get(store.place)?.keys() ?? [])].sort().at(-1);
  if (newest && !document.hidden) {
    store.read[store.place] = newest;
    sessionStorage.setItem(`read ${store.me.id}`, JSON.stringify(store.read));
  }
  const total = [...store.channels.keys()].reduce((sum, channel) => sum + unread(channel), 0);
  const channel = store.channels.get(store.place);
  const name = channel ? (isDirect(channel) ? placeName(channel) : `#${channel.name}`) : "Home";
  document.title = `${total ? `(${total}) ` : ""}${name} · ${nameOf(store.me)} · ${store.workspace.team?.name ?? ""}`;
}

// A place: a channel, a direct message or the app's Home

function renderPlace() {
  const channel = store.channels.get(store.place);
  const atHome = store.place === "home";
  const app = store.workspace.app ?? {};
  byId("place-name").replaceChildren(
    ...(atHome
      ? [`${app.name ?? "App"} Home`]
      : channel
        ? [!isDirect(channel) && icon("hash"), h("bdi", placeName(channel))].filter(Boolean)
        : ["…"]),
  );
  byId("place-topic").replaceChildren(mrkdwn(atHome ? "What the app shows to you alone" : (channel?.topic ?? "")));
  renderMembers(channel);
  byId("acting-as").replaceChildren(
    avatar({ id: store.me.id, name: nameOf(store.me) }, "avatar-small"),
    h("span", "You are ", h("strong", nameOf(store.me)), h("small", titleOf(store.me) || roleOf(store.me))),
  );
  byId("messages").hidden = atHome;
  byId("home").hidden = !atHome;
  byId("composer-area").hidden = atHome;
  if (atHome) renderHome();
  else if (channel) renderMessages(byId("messages"), topLevel(channel.id), channel.id, { empty: () => emptyPlace(channel) });
  if (channel) placeComposer("composer", byId("composer-area"), channel, null);
}

function renderMembers(channel) {
  const ids = channel?.members ?? [];
  const faces = ids.slice(0, 4).map((id) => avatar(author({ user: id }), "avatar-tiny"));
  const names = ids.map((id) => author({ user: id }).name).join(", ");
  byId("place-members").replaceChildren(
    ...(ids.length
      ? [h("span.faces", { title: names }, faces, h("span.muted", String(ids.length)), h("span.visually-hidden", ` members: ${names}`))]
      : []),
  );
}

function renderHome() {
  const home = byId("home");
  const signature = JSON.stringify([store.me.id, store.home]);
  if (home.signature === signature) return;
  home.signature = signature;
  const view = store.home;
  home.replaceChildren(
    ...(view?.blocks?.length
      ? [h("div.home-sheet", { data: { viewId: view.id } }, blocks(view.blocks, { viewId: view.id, controls: [] }))]
      : [
          emptyState(
            "home",
            "Nothing here yet",
            "The app has not published a Home for you. Some apps do it a moment after you open this page.",
          ),
        ]),
  );
}

const isTopLevel = (message) => !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";
const inOrder = (channel) =>
  [...(store.messages.get(channel)?.values() ?? [])]
    .filter((message) => !store.dismissed.has(message.ts))
    .sort((a, b) => (a.ts < b.ts ? -1 : 1));
const topLevel = (channel) => inOrder(channel).filter(isTopLevel);
const replies = (channel, root) => inOrder(channel).filter((message) => message.thread_ts === root && message.ts !== root);

const SUGGESTIONS = ["How do I export my data?", "This is the third time this week the export dies on me.", "Thank you, that worked!"];

function emptyState(glyph, title, text, ...more) {
  return h("div.empty", h("span.empty-mark", icon(glyph)), h("h3", title), h("p", text), more);
}

function emptyPlace(channel) {
  const where = isDirect(channel) ? placeName(channel) : `#${channel.name}`;
  if (roleOf(store.me) === "customer")
    return emptyState("reply", `This is the start of ${where}`, "Write as a customer: try “How do I export my data?”");
  return emptyState(
    "eye",
    `Nothing in ${where} yet`,
    "Open a second window as a customer and write there; what concerns you arrives here by itself.",
  );
}

// Messages

/** Shows messages in order; nodes whose content has not changed stay as they are, so that nothing in use is lost. */
function renderMessages(container, messages, channel, { inThread = false, empty }) {
  const key = `${store.me.id} ${channel} ${inThread ? store.thread : ""}`;
  const arrived = container.dataset.shows !== key;
  if (arrived) container.replaceChildren();
  container.dataset.shows = key;
  const atEnd = arrived || container.scrollHeight - container.scrollTop - container.clientHeight < 80;

  const rows = [];
  let previous = null;
  for (const message of messages) {
    const day = dayName(dateOf(message.ts));
    const newDay = !inThread && (!previous || dayName(dateOf(previous.ts)) !== day);
    if (newDay) rows.push({ key: `day ${day}`, signature: day, build: () => h("div.day", h("span", day)) });
    const compact = !newDay && continues(previous, message) && !(inThread && previous?.ts === store.thread);
    const thread = inThread ? [] : replies(channel, message.ts);
    const signature = JSON.stringify([
      message,
      compact,
      thread.map((reply) => [reply.ts, reply.text, reply.user ?? reply.bot_id]),
      store.expanded.has(message.ts),
    ]);
    rows.push({ key: message.ts, signature, build: () => messageNode(message, { channel, compact, thread, inThread }) });
    if (inThread && message.ts === store.thread)
      rows.push({ key: "count", signature: String(messages.length), build: () => threadRule(messages.length - 1) });
    previous = message;
  }
  if (!rows.length) rows.push({ key: "empty", signature: "", build: empty });
  reconcile(container, rows);
  if (atEnd) container.scrollTop = container.scrollHeight;
}

const threadRule = (count) =>
  h("div.day.day-left", h("span", count === 0 ? "No replies yet" : count === 1 ? "1 reply" : `${count} replies`));

function continues(previous, message) {
  if (!previous || previous.ephemeral || message.ephemeral || previous.reply_count || previous.subtype === "tombstone") return false;
  return author(previous).id === author(message).id && author(previous).name === author(message).name && message.ts - previous.ts < 300;
}

function reconcile(container, rows) {
  const kept = new Map([...container.children].map((node) => [node.dataset.key, node]));
  let cursor = container.firstElementChild;
  for (const row of rows) {
    let node = kept.get(row.key);
    if (!node || node.signature !== row.signature) {
      const old = node;
      node = row.build();
      node.dataset.key = row.key;
      node.signature = row.signature;
      if (old) {
        const focus = focusWithin(old);
        old.replaceWith(node);
        if (cursor === old) cursor = node;
        if (focus) (node.querySelector(focus) ?? node).focus({ preventScroll: true });
      }
    }
    kept.delete(row.key);
    if (node === cursor) cursor = cursor.nextElementSibling;
    else container.insertBefore(node, cursor);
  }
  for (const node of kept.values()) node.remove();
}

/** A selector of what has the focus inside a node that is about to be replaced. */
function focusWithin(node) {
  if (!node.contains(document.activeElement)) return null;
  const action = document.activeElement.dataset?.actionId;
  return action ? `[data-action-id="${CSS.escape(action)}"]` : ":not(*)";
}

function messageNode(message, { channel, compact, thread, inThread }) {
  const who = author(message);
  const mine = message.user === store.me.id && !message.bot_id;
  const when = dateOf(message.ts);
  const time = h("time", { datetime: when.toISOString(), title: when.toLocaleString() }, clock(when));
  const node = h("article", {
    class: [
      "message",
      compact && "message-compact",
      mine && "message-mine",
      message.ephemeral && "message-ephemeral",
      message.subtype === "tombstone" && "message-gone",
    ]
      .filter(Boolean)
      .join(" "),
    tabindex: "0",
    "aria-label": `${who.name}, ${clock(when)}`,
    data: { ts: message.ts, testid: "message", ephemeral: message.ephemeral ? "true" : null },
    on: { keydown: moveBetweenMessages },
  });
  const headline = h("div.message-head", h("bdi.message-author", who.name), who.isBot && h("span.app-badge", "APP"), time);
  const notice =
    message.ephemeral &&
    h(
      "p.ephemeral-note",
      icon("eye"),
      "Only visible to you",
      h("button.link-button", { data: { testid: "dismiss" }, on: { click: () => dismiss(message.ts) } }, "Dismiss"),
    );
  node.append(
    h("div.message-gutter", compact ? time : avatar(who)),
    h(
      "div.message-body",
      notice,
      !compact && headline,
      messageContent(message, channel),
      reactionRow(message, channel),
      !inThread && threadLink(message, thread, channel),
    ),
  );
  if (!message.ephemeral && message.subtype !== "tombstone") node.append(messageTools(message, channel, { mine, inThread, node }));
  return node;
}

// Characters of a message that are shown at first: laying out 40,000 takes a browser seconds.
const LONG = 3000;

function messageContent(message, channel) {
  const edited = message.edited && !message.bot_id && h("small.edited", " (edited)");
  const files = message.files?.length && h("div.files", message.files.map(fileCard));
  const more = (message.attachments ?? []).map((attachment) => attachmentNode(attachment, { channel, ts: message.ts }));
  if (message.blocks?.length)
    return h("div", h("div.message-content", blocks(message.blocks, { channel, ts: message.ts }), edited), more, files);
  const text = message.text ?? "";
  const open = store.expanded.has(message.ts);
  const long = text.length > LONG || text.split("\n").length > 60;
  const shown = open || text.length <= LONG ? text : `${text.slice(0, LONG).replace(/\s+\S*$/, "")} …`;
  const content = h(
    "div",
    { class: long && !open ? "message-content text content-cut" : "message-content text", dir: "auto" },
    mrkdwn(shown),
    edited,
  );
  const label = open ? "Show less" : `Show more (${number.format(text.length)} characters)`;
  const toggle =
    long &&
    h(
      "button.link-button",
      { "aria-expanded": String(open), data: { testid: "show-more" }, on: { click: () => expand(message.ts, !open) } },
      label,
    );
  return h("div", content, toggle, more, files);
}

/** An attachment: what stands beside a coloured bar. */
function attachmentNode(attachment, surface) {
  const title =
    attachment.title && h("strong", (attachment.title_link && link(attachment.title_link, attachment.title)) || mrkdwn(attachment.title));
  const words = attachment.blocks
    ? blocks(attachment.blocks, surface)
    : [title, h("div.text", { dir: "auto" }, mrkdwn(attachment.text ?? attachment.fallback))];
  const node = h("div.attachment", words);
  if (/^#?[0-9a-f]{6}$/i.test(attachment.color ?? "")) node.style.borderLeftColor = `#${attachment.color.replace("#", "")}`;
  return node;
}

function fileCard(file) {
  const name = file.title || file.name || "File";
  const address = file.url_private || file.permalink || "";
  if (/^image\//.test(file.mimetype ?? "") && address) return picture({ image_url: address, alt_text: name }, "wide-image");
  const card = h("span.file-card", icon("file"), h("bdi", name));
  const opener = link(URL.canParse(address, location.href) ? new URL(address, location.href).href : "");
  opener?.replaceChildren(card);
  return opener ?? card;
}

function expand(ts, open) {
  if (open) store.expanded.add(ts);
  else store.expanded.delete(ts);
  render();
}

function dismiss(ts) {
  store.dismissed.add(ts);
  render();
}

function reactionRow(message, channel) {
  if (!message.reactions?.length) return null;
  const chips = message.reactions.map((reaction) => {
    const mine = reaction.users?.includes(store.me.id) ?? false;
    const names = (reaction.users ?? []).map((id) => author({ user: id }).name).join(", ");
    return h(
      "button.reaction",
      {
        "aria-pressed": String(mine),
        title: `${names} reacted with :${reaction.name}:`,
        data: { reaction: reaction.name },
        on: { click: () => react(message, channel, reaction.name, mine) },
      },
      emoji(reaction.name),
      h("span", String(reaction.count ?? reaction.users?.length ?? 1)),
    );
  });
  return h(
    "div.reactions",
    chips,
    iconButton("smile", "Add a reaction", (event) => pickEmoji(event.currentTarget, (name) => react(message, channel, name)), {
      class: "reaction reaction-add",
    }),
  );
}

async function react(message, channel, name, remove = false) {
  const answer = await call("react", { channel, ts: message.ts, name, remove });
  if (!answer.ok && answer.error !== "already_reacted") toast(explain(answer.error));
}

function threadLink(message, thread, channel) {
  const count = Math.max(thread.length, message.reply_count ?? 0);
  if (!count) return null;
  const last = thread.at(-1);
  const faces = [...new Map(thread.map((reply) => [author(reply).id, author(reply)])).values()].slice(0, 4);
  return h(
    "a.thread-link",
    { href: placeHash(store.me.id, channel, message.ts), data: { testid: "thread-link" } },
    h(
      "span.faces",
      faces.map((face) => avatar(face, "avatar-tiny")),
    ),
    h("strong", count === 1 ? "1 reply" : `${count} replies`),
    last && h("span.thread-preview", h("bdi", `${author(last).name}: ${plainWords(last)}`)),
  );
}

function messageTools(message, channel, { mine, inThread, node }) {
  const tools = h("div.message-tools", { role: "group", "aria-label": "Message actions" });
  tools.append(
    iconButton("smile", "Add a reaction", (event) => pickEmoji(event.currentTarget, (name) => react(message, channel, name)), {
      "data-testid": "react",
    }),
  );
  if (!inThread)
    tools.append(
      h(
        "a.icon-button",
        {
          href: placeHash(store.me.id, channel, message.ts),
          "aria-label": "Reply in thread",
          title: "Reply in thread",
          data: { testid: "reply" },
        },
        icon("reply"),
      ),
    );
  const items = [];
  if (mine)
    items.push(
      { label: "Edit message", glyph: "edit", run: () => editMessage(message, channel, node) },
      { label: "Delete message", glyph: "trash", danger: true, run: () => deleteMessage(message, channel) },
    );
  for (const shortcut of store.workspace.app?.shortcuts ?? [])
    items.push({ label: shortcut.name ?? shortcut.callback_id, glyph: "app", run: () => runShortcut(shortcut, channel, message) });
  if (items.length)
    tools.append(
      iconButton("more", "More actions", (event) => menu(event.currentTarget, items), { "aria-haspopup": "menu", "data-testid": "more" }),
    );
  return tools;
}

async function runShortcut(shortcut, channel, message) {
  const answer = await call("shortcut", { callback_id: shortcut.callback_id, channel, ts: message.ts });
  if (!answer.ok) toast(explain(answer.error));
}

function editMessage(message, channel, node) {
  const field = h("textarea.field", { rows: 3, "aria-label": "Edit your message", data: { testid: "edit-field" } });
  const content = node.querySelector(".message-content");
  const close = () => editor.replaceWith(content);
  const save = async () => {
    const answer = await call("edit", { channel, ts: message.ts, text: field.value.trim() });
    if (!answer.ok) toast(explain(answer.error));
    else close();
  };
  const editor = h(
    "div.editor",
    field,
    h(
      "div.editor-buttons",
      h("button.button.button-small", { on: { click: close } }, "Cancel"),
      h("button.button.button-small.button-primary", { on: { click: save } }, "Save"),
    ),
  );
  field.value = editable(message.text);
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      save();
    }
  });
  content.replaceWith(editor);
  field.focus();
}

async function deleteMessage(message, channel) {
  if (!(await ask({ title: "Delete this message?", body: "It cannot be brought back.", yes: "Delete", no: "Keep it", danger: true })))
    return;
  const answer = await call("delete", { channel, ts: message.ts });
  if (!answer.ok) toast(explain(answer.error));
}

function moveBetweenMessages(event) {
  if (event.target !== event.currentTarget || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const all = [...event.currentTarget.parentElement.querySelectorAll(".message")];
  const next = all[all.indexOf(event.currentTarget) + (event.key === "ArrowUp" ? -1 : 1)];
  next?.focus();
  if (next) event.preventDefault();
}

// Thread

function renderThread() {
  const root = store.thread && store.messages.get(store.place)?.get(store.thread);
  const channel = store.channels.get(store.place);
  byId("thread").hidden = !root;
  byId("app").dataset.thread = root ? "open" : "closed";
  if (!root) return byId("thread-composer-area").replaceChildren();
  byId("thread-place").textContent = isDirect(channel) ? placeName(channel) : `#${channel.name}`;
  renderMessages(byId("thread-messages"), [root, ...replies(channel.id, root.ts)], channel.id, { inThread: true });
  placeComposer("thread-composer", byId("thread-composer-area"), channel, root.ts, { takeFocus: !store.threadOpenedItself });
  store.threadOpenedItself = false;
}

// Modals, questions, menus, toasts

function renderModal() {
  const dialog = byId("modal");
  const { view } = store;
  const signature = JSON.stringify([store.me.id, view]);
  if (dialog.signature === signature) return;
  dialog.signature = signature;
  if (!view) return dialog.close();
  // An updated view keeps what was already filled in.
  const focus = dialog.open ? focusWithin(dialog) : null;
  const surface = { viewId: view.id, controls: [], values: dialog.surface?.viewId === view.id ? collect(dialog.surface) : {} };
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
      h("button.button", { data: { testid: "modal-close" }, on: { click: () => closeView(view) } }, plainString(view.close) || "Close"),
      view.submit &&
        h("button", { type: "submit", class: "button button-primary", data: { testid: "modal-submit" } }, plainString(view.submit)),
    ),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submitView(view, surface, form);
  });
  dialog.replaceChildren(form);
  dialog.dataset.viewId = view.id;
  if (!dialog.open) dialog.showModal();
  const first = form.querySelector(".modal-body :is(.field, select, input)") ?? form.querySelector("[type=submit]");
  (form.querySelector(focus ?? ":not(*)") ?? first)?.focus();
}

async function submitView(view, surface, form) {
  const missing = surface.controls.filter(({ block, value }) => block.type === "input" && !block.optional && isEmpty(value()));
  if (missing.length) return showErrors(form, Object.fromEntries(missing.map(({ block }) => [block.block_id, "Please fill this in."])));
  showErrors(form, {});
  const submit = form.querySelector("[type=submit]");
  setBusy(submit, true);
  const answer = await call("submit", { view_id: view.id, values: collect(surface) });
  setBusy(submit, false);
  if (answer.errors) showErrors(form, answer.errors);
  else if (!answer.ok) toast(explain(answer.error));
}

function showErrors(form, errors) {
  for (const block of form.querySelectorAll(".block-input")) {
    const message = errors[block.dataset.blockId];
    const slot = block.querySelector(".input-error");
    slot.textContent = message ?? "";
    slot.hidden = !message;
    block.classList.toggle("has-error", Boolean(message));
    block.querySelectorAll("[aria-describedby]").forEach((control) => control.setAttribute("aria-invalid", String(Boolean(message))));
  }
  form.querySelector(".has-error :is(.field, select, input)")?.focus();
}

async function closeView(view) {
  const answer = await call("close", { view_id: view.id });
  if (answer.ok) return;
  toast(explain(answer.error));
  store.view = null;
  renderModal();
}

/** A question with two answers; resolves to true for the first. */
function ask({ title, body, yes, no, danger }) {
  const dialog = byId("confirm");
  dialog.replaceChildren(
    h(
      "form",
      { method: "dialog" },
      h("header.modal-head", h("h2", { id: "confirm-title" }, title)),
      h("div.modal-body", body),
      h(
        "footer.modal-foot",
        h("button.button", { type: "submit", value: "no", data: { testid: "confirm-no" } }, no),
        h(
          "button",
          {
            type: "submit",
            class: `button button-${danger ? "danger" : "primary"}`,
            value: "yes",
            autofocus: true,
            data: { testid: "confirm-yes" },
          },
          yes,
        ),
      ),
    ),
  );
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

/** A small panel at a button: in the top layer, closed by Escape or a click elsewhere. */
function floating(anchor, panel) {
  panel.popover = "auto";
  (anchor.closest("dialog") ?? document.body).append(panel);
  panel.showPopover();
  const [at, size] = [anchor.getBoundingClientRect(), panel.getBoundingClientRect()];
  panel.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
  panel.style.top = `${at.bottom + size.height + 8 > innerHeight ? Math.max(8, at.top - size.height - 4) : at.bottom + 4}px`;
  panel.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    const hadFocus = panel.contains(document.activeElement) || document.activeElement === document.body;
    panel.remove();
    if (hadFocus) anchor.focus();
  });
  panel.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const items = [...panel.querySelectorAll("button")];
    items.at((items.indexOf(document.activeElement) + step) % items.length).focus();
    event.preventDefault();
  });
  panel.querySelector("button")?.focus();
}

function menu(anchor, items) {
  const panel = h("div.menu", { role: "menu" });
  for (const { label, glyph, danger, run } of items) {
    panel.append(
      h(
        "button",
        { role: "menuitem", class: danger ? "menu-item menu-danger" : "menu-item", on: { click: () => (panel.hidePopover(), run()) } },
        glyph ? icon(glyph) : null,
        label,
      ),
    );
  }
  floating(anchor, panel);
}

function pickEmoji(anchor, onPick) {
  const panel = h("div.menu.emoji-grid", { role: "group", "aria-label": "Emoji" });
  for (const name of PICKER)
    panel.append(
      h(
        "button",
        {
          "aria-label": name.replaceAll("_", " "),
          title: `:${name}:`,
          data: { emoji: name },
          on: { click: () => (panel.hidePopover(), onPick(name)) },
        },
        EMOJI[name],
      ),
    );
  floating(anchor, panel);
}

function toast(text) {
  const note = h(
    "div.toast",
    h("span", text),
    iconButton("close", "Dismiss", () => note.remove()),
  );
  byId("toasts").append(note);
  setTimeout(() => note.remove(), 8000);
}

// ── 9 Writing ────────────────────────────────────────────────────────────────────────────────────────

/** A message's text as it was typed, for editing; the server turns names and links into references again. */
function editable(text) {
  const words = (text ?? "")
    .replace(/<@(\w+)(?:\|[^>]*)?>/g, (source, id) => {
      const person = (store.workspace.people ?? []).find((one) => one.id === id);
      return person ? `@${person.name}` : source;
    })
    .replace(/<#\w+\|([^>]*)>/g, "#$1")
    .replace(/<!(here|channel|everyone)>/g, "@$1")
    .replace(/<!subteam\^(\w+)[^>]*>/g, (source, id) => (groupHandle(id) ? `@${groupHandle(id)}` : source))
    .replace(/<((?:https?|mailto):[^|>]+)(?:\|[^>]*)?>/g, "$1");
  return unescapeText(words);
}

/** Puts a composer for this person and place into an area, unless it is already there. */
function placeComposer(id, area, channel, threadTs, { takeFocus = true } = {}) {
  const key = [store.me.id, channel.id, threadTs].filter(Boolean).join("/");
  if (area.dataset.key === key && area.childElementCount) return;
  area.dataset.key = key;
  const where = threadTs ? "Reply" : `Message ${isDirect(channel) ? placeName(channel) : `#${channel.name}`}`;
  const field = h("textarea", {
    id,
    rows: 1,
    placeholder: `${where} as ${nameOf(store.me)}`,
    "aria-label": `${where} as ${nameOf(store.me)}`,
    role: "combobox",
    "aria-expanded": "false",
    "aria-controls": `${id}-suggestions`,
    "aria-autocomplete": "list",
    autocomplete: "off",
  });
  const list = h("ul", { id: `${id}-suggestions`, class: "suggestions", role: "listbox", "aria-label": "Suggestions", hidden: true });
  const sendButton = iconButton("send", "Send", () => send(), { class: "send", disabled: true, type: "submit" });
  const wrapWith = (mark) => () => surround(field, mark);
  const form = h(
    "form.composer",
    list,
    h(
      "div.composer-tools",
      iconButton("bold", "Bold", wrapWith("*")),
      iconButton("italic", "Italic", wrapWith("_")),
      iconButton("strike", "Strikethrough", wrapWith("~")),
      iconButton("code", "Code", wrapWith("`")),
      iconButton("smile", "Emoji", (event) => pickEmoji(event.currentTarget, (name) => insert(field, `:${name}: `))),
    ),
    field,
    h(
      "div.composer-foot",
      h(
        "span.composer-hint",
        h("kbd", "Enter"),
        " to send, ",
        h("kbd", "Shift"),
        " + ",
        h("kbd", "Enter"),
        " for a new line, ",
        h("kbd", "/"),
        " for commands",
      ),
      sendButton,
    ),
  );
  const suggestions = suggestionsFor(field, list);
  const redraw = () => {
    store.drafts.set(key, field.value);
    sendButton.disabled = !field.value.trim();
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 240)}px`;
    suggestions.update();
  };

  async function send() {
    const text = field.value.trim();
    if (!text || form.hasAttribute("aria-busy")) return;
    form.setAttribute("aria-busy", "true");
    const isCommand = /^\/\w/.test(text);
    const answer = isCommand
      ? await call("command", { channel: channel.id, text, thread_ts: threadTs ?? undefined })
      : await call("say", { channel: channel.id, text: text, thread_ts: threadTs ?? undefined });
    form.removeAttribute("aria-busy");
    if (!answer.ok) return toast(isCommand ? `${text.split(/\s/)[0]}: ${explain(answer.error)}` : explain(answer.error));
    if (answer.ts && !threadTs) store.sentHere.add(answer.ts);
    openAnsweredThread(channel.id, answer.ts);
    field.value = "";
    redraw();
    const view = byId(threadTs ? "thread-messages" : "messages");
    view.scrollTop = view.scrollHeight;
    area.querySelector(".tries")?.remove();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  field.addEventListener("input", redraw);
  field.addEventListener("blur", () => suggestions.hide());
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || suggestions.key(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  });
  field.value = store.drafts.get(key) ?? "";
  const fill = (text) => {
    field.value = text;
    redraw();
    field.focus();
  };
  area.replaceChildren(...[!threadTs && firstWords(channel, fill), form].filter(Boolean));
  redraw();
  if (takeFocus && matchMedia("(hover: hover)").matches) field.focus({ preventScroll: true });
}

/** For a customer who has not written here yet: sentences that show what the workspace can do. */
function firstWords(channel, fill) {
  const wrote = topLevel(channel.id).some((message) => message.user === store.me.id && Number(message.ts) > store.openedAt);
  if (roleOf(store.me) !== "customer" || isDirect(channel) || wrote) return null;
  return h(
    "div.tries",
    h("span", "Try"),
    SUGGESTIONS.map((text) => h("button.try", { on: { click: () => fill(text) } }, text)),
  );
}

function insert(field, text) {
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input"));
  field.focus();
}

function surround(field, mark) {
  const chosen = field.value.slice(field.selectionStart, field.selectionEnd);
  insert(field, mark + chosen + mark);
  if (!chosen) field.setSelectionRange(field.selectionStart - 1, field.selectionStart - 1);
}

/** The list above a composer: the app's commands after `/`, people after `@`. */
function suggestionsFor(field, list) {
  let items = [];
  let chosen = 0;

  function find() {
    const before = field.value.slice(0, field.selectionStart);
    const slash = /^\/\S*$/.exec(before);
    const at = /(?:^|\s)@([\w.-]*)$/.exec(before);
    if (slash)
      return commands()
        .filter(({ word }) => word.startsWith(slash[0]) && word !== slash[0].trim())
        .map((item) => ({ ...item, from: 0 }));
    if (at)
      return mentionable()
        .filter(({ word, detail }) => `${word} ${detail}`.toLowerCase().includes(at[1].toLowerCase()))
        .map((item) => ({ ...item, from: before.length - at[1].length - 1 }));
    return [];
  }
  function update() {
    items = document.activeElement === field ? find().slice(0, 8) : [];
    chosen = 0;
    draw();
  }
  function draw() {
    list.hidden = items.length === 0;
    field.setAttribute("aria-expanded", String(items.length > 0));
    list.replaceChildren(
      ...items.map((item, index) =>
        h(
          "li",
          {
            role: "option",
            id: `${list.id}-${index}`,
            "aria-selected": String(index === chosen),
            on: { pointerdown: (event) => (event.preventDefault(), take(item)) },
          },
          h("strong", item.word),
          h("span", item.detail),
        ),
      ),
    );
    if (items.length) field.setAttribute("aria-activedescendant", `${list.id}-${chosen}`);
    else field.removeAttribute("aria-activedescendant");
  }
  function take(item) {
    field.setSelectionRange(item.from, field.selectionStart);
    insert(field, `${item.word} `);
  }
  function hide() {
    items = [];
    draw();
  }
  /** True if the key was for the list. */
  function key(event) {
    if (!items.length) return false;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) chosen = (chosen + step + items.length) % items.length;
    else if (event.key === "Escape") items = [];
    else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") take(items[chosen]);
    else return false;
    event.preventDefault();
    draw();
    return true;
  }
  return { update, hide, key };
}

function commands() {
  const { commands: listed = [], app } = store.workspace;
  return listed.map((word) => ({ word, detail: `A command of ${app?.name ?? "the app"}; try “${word} help”` }));
}

function mentionable() {
  const app = store.workspace.app ?? {};
  const people = (store.workspace.people ?? [])
    .filter((person) => person.id !== app.bot_user)
    .map((person) => ({ word: `@${person.name}`, detail: nameOf(person) }));
  return [...people, ...(app.name ? [{ word: `@${app.name}`, detail: "App" }] : []), { word: "@here", detail: "Everyone who is here" }];
}

// ── 10 Start ─────────────────────────────────────────────────────────────────────────────────────────

/** The address says who you are and where: #person/channel, or #person/channel/thread. */
function route() {
  const [user, place, thread] = decodeURIComponent(location.hash.slice(1)).split("/");
  const person = store.people.find((one) => one.id === user) ?? store.me ?? store.people[0];
  const changed = person.id !== store.me?.id;
  store.me = person;
  closeRail();
  if (changed) becomeAnother(place);
  const before = store.place;
  store.place = place && (changed || place === "home" || store.channels.has(place)) ? place : store.place;
  store.thread = thread ? rootOf(store.place, thread) : null;
  store.sought = thread ?? null;
  if (store.place === "home" && (changed || before !== "home"))
    call("home", {}).then((answer) => answer.ok || toast(explain(answer.error)));
  if (changed) connect();
  else render();
}

function becomeAnother() {
  store.channels = new Map();
  store.messages = new Map();
  store.home = store.view = null;
  store.read = JSON.parse(sessionStorage.getItem(`read ${store.me.id}`) ?? "{}");
  byId("composer-area").replaceChildren();
}

const rootOf = (channel, ts) => store.messages.get(channel)?.get(ts)?.thread_ts ?? ts;

function closeRail() {
  byId("app").dataset.rail = "closed";
  byId("rail-shade").hidden = true;
}

function openRail() {
  byId("app").dataset.rail = "open";
  byId("rail-shade").hidden = false;
  byId("close-rail").focus();
}

const closeThread = () => (location.hash = placeHash(store.me.id, store.place));

function wire() {
  byId("open-rail").append(icon("menu"));
  byId("close-rail").append(icon("close"));
  byId("close-thread").append(icon("close"));
  byId("open-rail").addEventListener("click", openRail);
  byId("close-rail").addEventListener("click", closeRail);
  byId("rail-shade").addEventListener("click", closeRail);
  byId("close-thread").addEventListener("click", closeThread);
  byId("skip-link").addEventListener("click", (event) => {
    event.preventDefault();
    byId("composer")?.focus();
  });
  byId("modal").addEventListener("cancel", (event) => {
    event.preventDefault();
    if (event.target === byId("modal") && store.view) closeView(store.view);
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && byId("thread").contains(event.target)) closeThread();
  });
  addEventListener("hashchange", route);
  document.addEventListener("visibilitychange", () => store.me && render());
}

async function start() {
  wire();
  while (!(await loadWorkspace()) || !store.people.length) {
    byId("connection").hidden = false;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  route();
}

start();

// How numbers, times and emoji are shown, and Slack's escapes undone.

import { h } from "./dom.js";

export const unescapeText = (text) =>
  text.replace(/&(lt|gt|amp);/g, (_, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);

export const number = new Intl.NumberFormat(undefined, { maximumFractionDigits: 4 });
export const compactNumber = new Intl.NumberFormat(undefined, {
  notation: "compact",
  maximumFractionDigits: 2,
});

export const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
export const dateOf = (ts) => new Date(Number(ts) * 1000);

export function dayName(date) {
  const midnight = (day) => day.setHours(0, 0, 0, 0);
  const days = Math.round((midnight(new Date()) - midnight(new Date(date))) / 86_400_000);
  if (days === 0 || days === 1) return ["Today", "Yesterday"][days];
  const year = days > 300 ? "numeric" : undefined;
  return date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year });
}

const EMOJI_TABLE = `
  +1 👍  -1 👎  100 💯  alarm_clock ⏰  angry 😠  art 🎨  arrow_down ⬇️  arrow_left ⬅️  arrow_right ➡️
  arrow_up ⬆️  ballot_box_with_check ☑️  bangbang ‼️  bar_chart 📊  bell 🔔  black_circle ⚫  blue_heart 💙
  blush 😊  book 📖  books 📚  boom 💥  brain 🧠  bug 🐛  bulb 💡  busts_in_silhouette 👥  calendar 📅
  chart_with_downwards_trend 📉  chart_with_upwards_trend 📈  checkered_flag 🏁  clap 👏  clipboard 📋
  confused 😕  construction 🚧  credit_card 💳  cry 😢  dart 🎯  disappointed 😞  email 📧  envelope ✉️
  exclamation ❗  eyes 👀  face_with_monocle 🧐  fire 🔥  flag 🚩  gear ⚙️  gift 🎁  globe_with_meridians 🌐
  green_heart 💚  grey_question ❔  grin 😁  grinning 😀  handshake 🤝  headphones 🎧  heart ❤️  heart_eyes 😍
  heavy_check_mark ✔️  hourglass ⌛  hourglass_flowing_sand ⏳  inbox_tray 📥  information_source ℹ️  joy 😂
  key 🔑  label 🏷️  large_blue_circle 🔵  large_green_circle 🟢  large_orange_circle 🟠  large_red_square 🟥
  large_yellow_circle 🟡  link 🔗  lock 🔒  mag 🔍  mega 📣  memo 📝  moneybag 💰  muscle 💪  neutral_face 😐
  new 🆕  no_entry ⛔  no_entry_sign 🚫  ok 🆗  ok_hand 👌  open_hands 👐  package 📦  paperclip 📎
  partying_face 🥳  pencil 📝  pensive 😔  phone ☎️  pray 🙏  pushpin 📌  question ❓  rage 😡  raised_hand ✋
  raised_hands 🙌  recycle ♻️  red_circle 🔴  relieved 😌  repeat 🔁  robot_face 🤖  rocket 🚀
  rotating_light 🚨  satellite 📡  scales ⚖️  see_no_evil 🙈  seedling 🌱  shield 🛡️  shrug 🤷
  slightly_frowning_face 🙁  slightly_smiling_face 🙂  smile 😄  smiley 😃  sob 😭  sos 🆘  sparkles ✨
  speech_balloon 💬  star ⭐  stopwatch ⏱️  sunglasses 😎  sweat_smile 😅  tada 🎉  thinking_face 🤔
  thumbsdown 👎  thumbsup 👍  ticket 🎫  triangular_flag_on_post 🚩  unamused 😒  unlock 🔓  warning ⚠️
  wave 👋  white_check_mark ✅  white_circle ⚪  wink 😉  wrench 🔧  writing_hand ✍️  x ❌  yellow_heart 💛
  zap ⚡  zzz 💤
`;

export const EMOJI = Object.fromEntries(
  [...EMOJI_TABLE.matchAll(/(\S+) (\S+)/g)].map(([, name, character]) => [name, character]),
);

export const PICKER = `+1 -1 heart tada eyes pray raised_hands clap smile joy thinking_face cry angry rage
  white_check_mark x question warning fire rocket bug bulb 100 wave`.split(/\s+/);

export function emoji(name) {
  const character = EMOJI[name.split("::")[0]];
  const label = name.replaceAll("_", " ");
  return character
    ? h("span.emoji", { role: "img", "aria-label": label, title: `:${name}:` }, character)
    : `:${name}:`;
}

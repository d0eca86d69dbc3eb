// What a clock shows in a time zone: transitions from zones.js, and the POSIX rule after the last of them.
import { RULES, ZONES } from "./zones.js";

const DAY = 86400;

export function zoneNames() {
  return Object.keys(ZONES);
}

// {first, times, types, rule} of a zone by its name, in any case.
export function findZone(name) {
  const known = Object.hasOwn(ZONES, name) ? name : zoneNames().find((zone) => zone.toLowerCase() === name.toLowerCase());
  if (known === undefined) throw `no time zone is called ${name}; names are like Europe/Berlin, and time_zones finds them`;
  const [described, numbers, gaps, rule] = RULES[ZONES[known]].split("|");
  const types = described.split(",").map((text) => {
    const [offset, abbreviation] = text.split(" ");
    return { offset: Number(offset), abbreviation };
  });
  const begins = [...numbers].map((digit) => types[parseInt(digit, 36)]);
  let at = 0;
  const times = gaps === "" ? [] : gaps.split(" ").map((gap) => (at += parseInt(gap, 36)));
  return { name: known, first: begins[0], times, types: begins.slice(1), rule: parseRule(rule) };
}

// {offset, abbreviation} at a moment, in seconds since 1970.
export function typeAt(zone, seconds) {
  const count = zone.times.length;
  if (zone.rule && (count === 0 || seconds >= zone.times[count - 1])) return ruleAt(zone.rule, seconds);
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (zone.times[middle] <= seconds) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? zone.first : zone.types[low - 1];
}

// The moment a local time means (its seconds as if it were UTC), and what to say about it.
export function momentOf(zone, local) {
  // Offsets before and after any change nearby: no zone changes twice in two days.
  const before = typeAt(zone, local - DAY).offset;
  const after = typeAt(zone, local + DAY).offset;
  const fits = [...new Set([before, after])].filter((offset) => typeAt(zone, local - offset).offset === offset);
  const moments = fits.map((offset) => local - offset).sort((a, b) => a - b);
  if (moments.length === 2) return { seconds: moments[0], note: "this local time happens twice, as the clocks go back; the first is meant" };
  if (moments.length === 1) return { seconds: moments[0], note: null };
  return { seconds: local - before, note: "this local time is skipped, as the clocks go forward; a time after the skip is meant" };
}

// POSIX TZ text, such as CET-1CEST,M3.5.0,M10.5.0/3; signs there are the other way round.
function parseRule(text) {
  const name = "(<[^>]+>|[A-Za-z]+)";
  const time = "([+-]?[0-9]+(?::[0-9]+)?(?::[0-9]+)?)";
  const match = new RegExp(`^${name}${time}(?:${name}${time}?,([^,]+),([^,]+))?$`).exec(text);
  if (!match) return null;
  const bare = (found) => found.replace(/[<>]/g, "");
  const standard = { offset: -clock(match[2]), abbreviation: bare(match[1]) };
  if (!match[3]) return { standard };
  const summer = { offset: match[4] ? -clock(match[4]) : standard.offset + 3600, abbreviation: bare(match[3]) };
  return { standard, summer, start: change(match[5]), end: change(match[6]) };
}

function clock(text) {
  const [hours, minutes = 0, seconds = 0] = text.replace(/^[+-]/, "").split(":").map(Number);
  return (text.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60 + seconds);
}

function change(text) {
  const match = /^M(\d+)\.(\d+)\.(\d+)(?:\/(.+))?$/.exec(text);
  const [month, week, weekday] = match.slice(1, 4).map(Number);
  return { month, week, weekday, time: match[4] ? clock(match[4]) : 7200 };
}

// Local seconds (as if UTC) at which a rule's change happens in a year.
function changeIn(year, { month, week, weekday, time }) {
  const first = new Date(Date.UTC(year, month - 1, 1)).getUTCDay();
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  let day = 1 + ((weekday - first + 7) % 7) + (week - 1) * 7;
  while (day > days) day -= 7;
  return Date.UTC(year, month - 1, day) / 1000 + time;
}

function ruleAt(rule, seconds) {
  if (!rule.summer) return rule.standard;
  const year = new Date((seconds + rule.standard.offset) * 1000).getUTCFullYear();
  const start = changeIn(year, rule.start) - rule.standard.offset;
  const end = changeIn(year, rule.end) - rule.summer.offset;
  const summer = start < end ? seconds >= start && seconds < end : seconds < end || seconds >= start;
  return summer ? rule.summer : rule.standard;
}

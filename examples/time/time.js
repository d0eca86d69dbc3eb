// The exported interface: reads texts, asks the clock, writes moments.
import clock from "wasi:clocks/wall-clock@0.2.3";
import { addDays, businessDays, dateText, holidaySet, inWords, parseDay, weekdayOf } from "./calendar.js";
import { findZone, momentOf, typeAt, zoneNames } from "./zone.js";

export const time = {
  now(zone) {
    return moment(findZone(zone), Number(clock.now().seconds), null);
  },

  convert(at, from, to) {
    const target = findZone(to);
    const { seconds, note } = parseMoment(at, findZone(from));
    return moment(target, seconds, note);
  },

  add(date, amount, unit, holidays) {
    const day = addDays(parseDay(date), amount, unit, holidaySet(holidays));
    return { date: dateText(day), weekday: weekdayOf(day) };
  },

  between(start, end, holidays) {
    const [from, to] = [parseDay(start), parseDay(end)];
    return { days: to - from, businessDays: businessDays(from, to, holidaySet(holidays)), words: inWords(from, to) };
  },

  zones(matching) {
    const wanted = matching.toLowerCase().replaceAll(" ", "_");
    return zoneNames().filter((name) => name.toLowerCase().includes(wanted));
  },
};

function moment(zone, seconds, note) {
  const { offset, abbreviation } = typeAt(zone, seconds);
  const local = new Date((seconds + offset) * 1000).toISOString().slice(0, 19);
  const weekday = weekdayOf(Math.floor((seconds + offset) / 86400));
  return { local: local + offsetText(offset), zone: zone.name, abbreviation, weekday, unixSeconds: seconds, note };
}

function parseMoment(text, zone) {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  const [hours, minutes, seconds] = (match ?? []).slice(2, 5).map((part) => Number(part ?? 0));
  if (!match || hours > 23 || minutes > 59 || seconds > 59) throw `${text} is not a time; write it like 2026-03-29T09:30 or 2026-03-29T07:30Z`;
  const local = parseDay(match[1]) * 86400 + hours * 3600 + minutes * 60 + seconds;
  const found = match[5] ? { seconds: local - readOffset(match[5]), note: null } : momentOf(zone, local);
  if (found.seconds < 0) throw `${text} is before 1970, where the time zone table of this component begins`;
  return found;
}

function readOffset(text) {
  if (text === "Z") return 0;
  const [hours, minutes] = text.slice(1).split(":").map(Number);
  return (text.startsWith("-") ? -1 : 1) * (hours * 3600 + minutes * 60);
}

function offsetText(offset) {
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 3600), Math.floor(Math.abs(offset) / 60) % 60];
  return `${offset < 0 ? "-" : "+"}${String(hours).padStart(2, "0")}:${String(minutes).padStart(2, "0")}`;
}

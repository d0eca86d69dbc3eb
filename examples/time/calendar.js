// Dates without a clock: a day is its number since 1970-01-01.
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const LAST = Date.UTC(9999, 11, 31) / 86400000;
const FIRST = dayOf(1, 1, 1);

export function parseDay(text) {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  const day = match ? dayOf(Number(match[1]), Number(match[2]), Number(match[3])) : null;
  if (day === null || dateText(day) !== text) throw `${text} is not a date; write it like 2026-03-29`;
  return day;
}

export function dateText(day) {
  return new Date(day * 86400000).toISOString().slice(0, 10);
}

export function weekdayOf(day) {
  return WEEKDAYS[(((day + 4) % 7) + 7) % 7];
}

export function holidaySet(holidays) {
  return new Set((holidays ?? []).map(parseDay));
}

export function addDays(day, amount, unit, holidays) {
  const steps = { days: () => day + amount, weeks: () => day + 7 * amount, months: () => addMonths(day, amount), years: () => addMonths(day, 12 * amount) };
  const result = unit === "business-days" ? addBusinessDays(day, amount, holidays) : steps[unit]();
  if (!(result >= FIRST && result <= LAST)) throw "the result is outside the years 0001 to 9999";
  return result;
}

export function businessDays(start, end, holidays) {
  if (end < start) return -businessDays(end, start, holidays);
  const weeks = Math.floor((end - start) / 7);
  let count = weeks * 5;
  for (let day = start + weeks * 7 + 1; day <= end; day += 1) count += isWeekend(day) ? 0 : 1;
  return count - [...holidays].filter((day) => day > start && day <= end && !isWeekend(day)).length;
}

export function inWords(start, end) {
  if (end < start) return `${inWords(end, start)} earlier`;
  const [from, to] = [start, end].map((day) => new Date(day * 86400000));
  let months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
  if (addMonths(start, months) > end) months -= 1;
  const parts = [[Math.floor(months / 12), "year"], [months % 12, "month"], [end - addMonths(start, months), "day"]];
  const words = parts.filter(([count]) => count > 0).map(([count, name]) => `${count} ${name}${count === 1 ? "" : "s"}`);
  return words.join(", ") || "the same day";
}

function isWeekend(day) {
  return ["Saturday", "Sunday"].includes(weekdayOf(day));
}

function addMonths(day, amount) {
  const date = new Date(day * 86400000);
  const months = date.getUTCFullYear() * 12 + date.getUTCMonth() + amount;
  const [year, month] = [Math.floor(months / 12), ((months % 12) + 12) % 12];
  const last = new Date(dayOf(year, month + 2, 0) * 86400000).getUTCDate();
  return dayOf(year, month + 1, Math.min(date.getUTCDate(), last));
}

function addBusinessDays(day, amount, holidays) {
  if (Math.abs(amount) > 100000) throw "at most 100000 business days are counted";
  const step = Math.sign(amount);
  for (let left = Math.abs(amount); left > 0; ) {
    day += step;
    if (!isWeekend(day) && !holidays.has(day)) left -= 1;
  }
  return day;
}

// Date.UTC takes the years 0 to 99 for 1900 to 1999; setUTCFullYear does not.
function dayOf(year, month, day) {
  return new Date(0).setUTCFullYear(year, month - 1, day) / 86400000;
}

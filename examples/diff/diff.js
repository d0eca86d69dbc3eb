// The exported interface: unified diffs, written and applied. A line keeps its line end, so that a missing one at the end is a difference.
import { changes } from "./myers.js";

const NO_END = "\\ No newline at end of file\n";

export const diff = {
  unified(before, after, context) {
    return hunks(changes(lines(before), lines(after)), context ?? 3).map(write).join("");
  },

  count(before, after) {
    const made = changes(lines(before), lines(after));
    const many = (wanted) => made.filter(([kind]) => kind === wanted).length;
    return { added: many("+"), removed: many("-"), unchanged: many(" ") };
  },

  apply(text, patch) {
    const result = lines(text);
    let moved = 0;
    for (const hunk of parse(patch)) {
      const old = hunk.changes.filter(([kind]) => kind !== "+").map(([, line]) => line);
      const made = hunk.changes.filter(([kind]) => kind !== "-").map(([, line]) => line);
      const at = find(result, old, hunk.line + moved);
      if (at === null) throw `the change at line ${hunk.line + 1} of the diff's text does not fit: its lines are not in this text`;
      result.splice(at, old.length, ...made);
      moved = at - hunk.line + made.length - old.length;
    }
    return result.join("");
  },
};

function lines(text) {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

// Stretches of changes with their context: {before, after, changes}, first lines counted from 0.
function hunks(made, context) {
  const ranges = [];
  made.forEach(([kind], index) => {
    if (kind === " ") return;
    const last = ranges.at(-1);
    if (last && index - last.end <= context) last.end = Math.min(index + 1 + context, made.length);
    else ranges.push({ start: Math.max(index - context, 0), end: Math.min(index + 1 + context, made.length) });
  });
  const [before, after] = ["+", "-"].map((unwanted) => linesBefore(made, unwanted));
  return ranges.map(({ start, end }) => ({ before: before[start], after: after[start], changes: made.slice(start, end) }));
}

// How many lines of one of the two texts come before each change.
function linesBefore(made, unwanted) {
  let count = 0;
  return made.map(([kind]) => (kind === unwanted ? count : count++));
}

function write(hunk) {
  const many = (unwanted) => hunk.changes.filter(([kind]) => kind !== unwanted).length;
  const body = hunk.changes.map(([kind, line]) => kind + (line.endsWith("\n") ? line : `${line}\n${NO_END}`));
  return `@@ -${range(hunk.before, many("+"))} +${range(hunk.after, many("-"))} @@\n${body.join("")}`;
}

function range(first, many) {
  return `${many === 0 ? first : first + 1}${many === 1 ? "" : `,${many}`}`;
}

function parse(patch) {
  const found = [];
  let left = [0, 0];
  for (const line of lines(patch)) {
    const head = /^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (left[0] + left[1] > 0) {
      const kind = line === "\n" ? " " : line[0];
      if (line.startsWith("\\")) withoutEnd(found.at(-1).changes);
      else if (!" +-".includes(kind)) throw `not a unified diff: ${line.trimEnd()}`;
      else {
        found.at(-1).changes.push([kind, line === "\n" ? line : line.slice(1)]);
        left = [left[0] - (kind === "+" ? 0 : 1), left[1] - (kind === "-" ? 0 : 1)];
      }
    } else if (head) {
      left = [Number(head[2] ?? 1), Number(head[3] ?? 1)];
      found.push({ line: Math.max(Number(head[1]) - (left[0] === 0 ? 0 : 1), 0), changes: [] });
    } else if (line.startsWith("\\") && found.length > 0) withoutEnd(found.at(-1).changes);
  }
  if (left[0] + left[1] > 0) throw "not a unified diff: it ends in the middle of a change";
  if (found.length === 0 && patch.trim() !== "") throw "not a unified diff: there is no line like @@ -1,3 +1,4 @@";
  return found;
}

function withoutEnd(made) {
  const last = made.at(-1);
  if (last) last[1] = last[1].replace(/\n$/, "");
}

// Where these lines are, as near as can be to where they are said to be.
function find(text, wanted, near) {
  const fits = (at) => at >= 0 && at + wanted.length <= text.length && wanted.every((line, index) => text[at + index] === line);
  for (let away = 0; away <= text.length + near; away += 1) {
    for (const at of [near - away, near + away]) if (fits(at)) return at;
  }
  return null;
}

// The shortest way from one list to another (E. Myers, An O(ND) Difference Algorithm and Its Variations, 1986).

// Beyond this many changes the search for the shortest way is given up, so that no input takes long: all is removed, all is added.
const MOST_CHANGES = 3000;

// [kind, line] in order; kind is " ", "-" or "+".
export function changes(before, after) {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let [endBefore, endAfter] = [before.length, after.length];
  while (endBefore > start && endAfter > start && before[endBefore - 1] === after[endAfter - 1]) [endBefore, endAfter] = [endBefore - 1, endAfter - 1];
  const same = (line) => [" ", line];
  const middle = search(before.slice(start, endBefore), after.slice(start, endAfter));
  return [...before.slice(0, start).map(same), ...middle, ...before.slice(endBefore).map(same)];
}

function search(a, b) {
  const most = Math.min(a.length + b.length, MOST_CHANGES);
  const furthest = new Int32Array(2 * most + 3);
  const center = most + 1;
  const steps = [];
  for (let made = 0; made <= most; made += 1) {
    steps.push(furthest.slice(center - made - 1, center + made + 2));
    for (let k = -made; k <= made; k += 2) {
      const down = k === -made || (k !== made && furthest[center + k - 1] < furthest[center + k + 1]);
      let x = down ? furthest[center + k + 1] : furthest[center + k - 1] + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      furthest[center + k] = x;
      if (x >= a.length && x - k >= b.length) return walkBack(a, b, steps, made);
    }
  }
  return [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
}

function walkBack(a, b, steps, made) {
  const found = [];
  let [x, y] = [a.length, b.length];
  for (; made > 0; made -= 1) {
    const at = (k) => steps[made][k + made + 1];
    const k = x - y;
    const down = k === -made || (k !== made && at(k - 1) < at(k + 1));
    const from = down ? k + 1 : k - 1;
    const [fromX, fromY] = [at(from), at(from) - from];
    while (x > fromX && y > fromY) [x, y] = (found.push([" ", a[x - 1]]), [x - 1, y - 1]);
    found.push(down ? ["+", b[fromY]] : ["-", a[fromX]]);
    [x, y] = [fromX, fromY];
  }
  while (x > 0) found.push([" ", a[(x -= 1)]]);
  return found.reverse();
}

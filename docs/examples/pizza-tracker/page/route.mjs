// The way from the pizzeria to the customer, in the units of the map.
export const ROUTE = [
  [96, 440],
  [96, 312],
  [268, 312],
  [268, 176],
  [440, 176],
  [440, 312],
  [612, 312],
  [612, 176],
  [714, 176],
];

const lengthOf = ([x, y], [toX, toY]) => Math.hypot(toX - x, toY - y);
const legs = ROUTE.slice(1).map((to, at) => ({ from: ROUTE[at], to }));
const total = legs.reduce((sum, { from, to }) => sum + lengthOf(from, to), 0);

/** Where one is after a share of the way, from 0 to 1. */
export function pointAt(share) {
  let left = share * total;
  for (const { from, to } of legs) {
    const length = lengthOf(from, to);
    if (left > length) {
      left -= length;
      continue;
    }
    const part = left / length;
    return { x: from[0] + (to[0] - from[0]) * part, y: from[1] + (to[1] - from[1]) * part };
  }
  return { x: ROUTE.at(-1)[0], y: ROUTE.at(-1)[1] };
}

/** The share of the way, from 0 to 1, that lies behind somebody at a point of it. */
export function shareAt({ x, y }) {
  let behind = 0;
  for (const { from, to } of legs) {
    const length = lengthOf(from, to);
    const there = lengthOf(from, [x, y]) + lengthOf([x, y], to);
    if (there - length < 0.5) return (behind + lengthOf(from, [x, y])) / total;
    behind += length;
  }
  return 0;
}

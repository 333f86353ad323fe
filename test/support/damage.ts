/** Entries as a disk or a person may leave them: cut short, with bits flipped, with lengths changed. */
import type { Random } from './random.js';

export function damage(random: Random, entries: Uint8Array): Uint8Array {
  const copy = entries.slice(0, random.below(3) === 0 ? random.below(entries.length) : undefined);
  const flips = random.below(4);
  for (let flip = 0; flip < flips && copy.length > 0; flip += 1) {
    copy[random.below(copy.length)]! ^= 1 << random.below(8);
  }
  // Lengths, counts and numbers are the likeliest to do harm.
  if (random.below(2) === 0 && copy.length > 80) {
    copy[random.below(80)] = [0, 1, 0x7f, 0x80, 0xf0, 0xff][random.below(6)]!;
  }
  return copy;
}

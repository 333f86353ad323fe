import { expect, test } from 'vitest';
import { ParkedCommands } from '../../../src/io/parked-commands.js';
import { Random } from '../../support/random.js';

// Goal: what was parked comes back whole and in order, whatever its sizes.
// Method: random adds and drops against a plain array.
test.each([1, 2])('ParkedCommands agrees with a list (seed %i)', (seed) => {
  const random = new Random(seed);
  const parked = new ParkedCommands();
  const model: Uint8Array[] = [];
  for (let call = 0; call < 20_000; call += 1) {
    if (random.below(2) === 0 || model.length === 0) {
      const bytes =
        random.below(500) === 0 ? 40_000 + random.below(60_000) : 32 + random.below(200);
      const command = new Uint8Array(bytes).fill(call & 255);
      const { space, at } = parked.add(bytes);
      space.bytes.set(command, at);
      model.push(command);
    } else {
      const from = parked.firstAt;
      const got = parked.firstSpace.bytes.slice(from, from + parked.firstBytes);
      expect(Buffer.compare(got, model.shift()!)).toBe(0);
      parked.dropFirst();
    }
    expect(parked.isEmpty).toBe(model.length === 0);
  }
  expect(parked.bytes).toBe(model.reduce((sum, command) => sum + command.length, 0));
});

test('takes a command larger than the memory it has kept from earlier ones', () => {
  const parked = new ParkedCommands();
  parked.add(100);
  parked.dropFirst();
  const { space, at } = parked.add(100_000);
  space.bytes.fill(7, at, at + 100_000);
  expect([parked.firstBytes, parked.firstSpace.bytes[parked.firstAt]]).toEqual([100_000, 7]);
  parked.dropFirst();
  expect([parked.isEmpty, parked.bytes]).toEqual([true, 0]);
});

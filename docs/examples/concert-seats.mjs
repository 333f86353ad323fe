// Box offices of one concert: two of them sell at once, and no seat twice.
//
//   node docs/examples/concert-seats.mjs [ws://127.0.0.1:1987]
//
// The hall is one shared session. To sell is to read, to think and to write, and somebody else may
// write in between: cas() writes only if nobody has, and whoever comes too late reads anew.
import { connect, VersionMismatchError } from 'sojourn/client';
import { noServer } from './support/no-server.mjs';

const url = process.argv[2] ?? 'ws://127.0.0.1:1987';
const [ROWS, SEATS] = [3, 4];

const offices = await Promise.all([connect(url), connect(url)]).catch(noServer);
const halls = await Promise.all(
  offices.map((office) => office.openSession('hall', { create: true })),
);

/** A row of seats that nobody has. */
const emptyRow = () => ({ seats: Array.from({ length: SEATS }, () => ({ for: null })) });
const rows = Array.from({ length: ROWS }, (_, at) => [`row-${at + 1}`, emptyRow()]);
await halls[0].clearSet(Object.fromEntries(rows));
const names = rows.map(([name]) => name);

/** Sells the next free seat; false if there is none. */
async function sell(hall, customer) {
  for (;;) {
    const { keys, version } = await hall.getVersioned(names);
    const [name, row] = Object.entries(keys).find(([, { seats }]) => seats.some(isFree)) ?? [];
    if (row === undefined) return false;
    const at = row.seats.findIndex(isFree);
    const seats = row.seats.with(at, { for: customer });
    try {
      await hall.cas(version, { set: { [name]: { seats } } });
      return true;
    } catch (error) {
      if (!(error instanceof VersionMismatchError)) throw error;
    }
  }
}

const isFree = (seat) => seat.for === null;

/** Sells what there is; how many that were. */
async function sellAll(hall, office) {
  let count = 0;
  while (await sell(hall, `${office}-${count}`)) count += 1;
  return count;
}

const [first, second] = await Promise.all([sellAll(halls[0], 'north'), sellAll(halls[1], 'south')]);
const hall = halls[0];
const customers = Object.values(await hall.getAll()).flatMap(({ seats }) =>
  seats.map((s) => s.for),
);
console.log(`sold by ${first} and ${second}, which makes ${customers.length} of ${ROWS * SEATS}`);
console.log(`each seat once: ${new Set(customers).size === ROWS * SEATS}`);

// One seat changes hands: only that part of the value travels.
await hall.update('row-1', '/seats/1/for', 'Zoe');
const { seats } = await hall.get('row-1');
console.log(`seat 1-2 is now for ${seats[1].for}`);

// Where does Zoe sit? The server looks.
const query = "$.seats[?@.for == 'Zoe']";
console.log(`rows with a seat for Zoe: ${(await hall.find(query)).join(', ')}`);
console.log(`at: ${(await hall.find(query, 'paths')).join(', ')}`);
const isThere = await hall.update('row-1', '/seats/99/for', 'Zoe');
console.log(`a seat that is not there: ${isThere ? 'changed' : 'nothing changed'}`);

await hall.end();
await Promise.all(offices.map((office) => office.close()));

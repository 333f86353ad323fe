// A pizza service: a session for each delivery, and one for each driver.
//
//   node docs/examples/pizza-delivery.mjs [ws://127.0.0.1:1987]
//
// A delivery's session follows the order from the oven to the door and ends there. A driver's
// session holds one key for each delivery in the car; the key goes when the pizza does. Neither
// needs an expiry, because both have an end that somebody reports.
import { connect, SessionNotFoundError } from 'sojourn/client';
import { noServer } from './support/no-server.mjs';

const url = process.argv[2] ?? 'ws://127.0.0.1:1987';
const client = await connect(url).catch(noServer);

/** An order comes in: its session is its record until it is delivered. */
function takeOrder(number, pizza, address) {
  return client.newSession({
    keys: { number, pizza, address, status: 'in the oven', log: ['ordered'] },
  });
}

/** Writes the new status and the driver in one step. */
async function load(driver, deliveries) {
  for (const delivery of deliveries) {
    const { number, address, log } = await delivery.getMany(['number', 'address', 'log']);
    await delivery.set({ status: 'on its way', driver: 'Paolo', log: [...log, 'loaded'] });
    // The token is what lets the driver's device open the delivery.
    await driver.set({ [`delivery-${number}`]: { address, token: delivery.token } });
  }
}

/** The driver is at the door. */
async function handOver(driver, key) {
  const { address, token } = await driver.get(key);
  const delivery = client.session(token);
  const { pizza, log } = await delivery.getMany(['pizza', 'log']);
  await delivery.set({ status: 'delivered', log: [...log, 'delivered'] });
  console.log(`delivered: ${pizza} to ${address} (${(await delivery.get('log')).join(', ')})`);
  await delivery.end();
  await driver.remove([key]);
}

const deliveries = await Promise.all([
  takeOrder(17, 'Margherita', 'Harbour Street 3'),
  takeOrder(18, 'Funghi', 'Station Road 12'),
  takeOrder(19, 'Diavola', 'Mill Lane 7'),
]);
const driver = await client.newSession({ keys: { name: 'Paolo' } });
await load(driver, deliveries);
console.log(`${await driver.get('name')} leaves with ${(await driver.count()) - 1} deliveries`);
console.log(`order 18 is ${await deliveries[1].get('status')}`);

const stops = (await driver.keys()).filter((key) => key.startsWith('delivery-'));
for (const key of stops) {
  await handOver(driver, key);
  console.log(`${(await driver.count()) - 1} left in the car`);
}

// Asking for a delivery that has ended is an error that says so.
try {
  await deliveries[0].get('status');
} catch (error) {
  if (!(error instanceof SessionNotFoundError)) throw error;
  console.log(`order 17: ${error.help}`);
}
const alive = await client.exists([...deliveries, driver].map((session) => session.token));
console.log(`sessions left: ${alive.length}, the driver's`);

await driver.end();
await client.close();

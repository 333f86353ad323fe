// What the kitchen and the rider do: they write into the session of an order.
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionNotFoundError } from 'sojourn/client';
import { pointAt } from './page/route.mjs';

const DAY_SECONDS = 86_400;
const RIDE_SECONDS = 30;
const STEPS_PER_SECOND = 2;

/** A new order: a session that goes after a day at the latest, whatever happens to the kitchen. */
export function takeOrder(client, pizza, address) {
  return client.newSession({
    expiry: { maxAge: DAY_SECONDS },
    keys: { pizza, address, status: 'ordered', minutes: 40, log: ['ordered'] },
  });
}

/** From the oven to the door. With speed 1 it takes 40 seconds. */
export async function deliver(session, speed) {
  const wait = (seconds) => sleep((seconds * 1_000) / speed);
  try {
    await wait(4);
    await step(session, 'in the oven', { minutes: 35 });
    await wait(4);
    await step(session, 'on its way', { minutes: 30, rider: pointAt(0) });
    await ride(session, wait);
    await step(session, 'delivered', { minutes: 0, rider: pointAt(1) });
    await wait(2);
    await session.end();
  } catch (error) {
    // The customer has seen enough and ended it.
    if (!(error instanceof SessionNotFoundError)) throw error;
  }
}

/** One step for whoever watches: status, log and all else change together. */
async function step(session, status, more) {
  const log = (await session.get('log')) ?? [];
  await session.set({ status, log: [...log, status], ...more });
}

async function ride(session, wait) {
  const steps = RIDE_SECONDS * STEPS_PER_SECOND;
  for (let at = 1; at < steps; at += 1) {
    await wait(1 / STEPS_PER_SECOND);
    await session.set({ rider: pointAt(at / steps), minutes: Math.ceil(30 * (1 - at / steps)) });
  }
}

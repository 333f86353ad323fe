// Follows one order. Runs wherever the SDK does: in the page, and in tests.
import { connect, SessionNotFoundError } from 'sojourn/client';

/** Yields the order as it is now and after each change; ends when the order does. */
export async function* track(url, token) {
  const client = await connect(url);
  try {
    const session = client.session(token);
    // Watch first, then read: what changes in between comes as a change.
    const changes = session.watch();
    let order = await session.getAll();
    yield order;
    for await (const change of changes) {
      if (change.event === 'set') order = { ...order, ...change.keys };
      // The connection was lost and is back: changes may be missing.
      else if (change.event === 'resumed') order = await session.getAll();
      else continue;
      yield order;
    }
  } catch (error) {
    // An old link: the order is delivered long ago.
    if (!(error instanceof SessionNotFoundError)) throw error;
  } finally {
    await client.close();
  }
}

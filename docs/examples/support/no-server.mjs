// Of all examples: one line instead of a stack trace where nobody listens.
import { ConnectError } from 'sojourn/client';

/** For connect(url).catch(noServer). */
export function noServer(error) {
  if (!(error instanceof ConnectError)) throw error;
  console.error(`${error.message}\nStart a server with \`npm start\`, or give the address of one.`);
  process.exit(1);
}

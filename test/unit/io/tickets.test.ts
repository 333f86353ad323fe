import { expect, test } from 'vitest';
import { NO_TICKET, TicketTable } from '../../../src/io/tickets.js';

test('TicketTable gives out numbers that differ, keeps tokens as it grows, and reuses', () => {
  const table = new TicketTable();
  const tickets = Array.from({ length: 1_000 }, () => {
    const ticket = table.take(undefined);
    table.tokens.bytes.fill(ticket & 255, table.tokenAt(ticket), table.tokenAt(ticket) + 24);
    return ticket;
  });
  expect(new Set(tickets).size).toBe(1_000);
  expect(tickets).not.toContain(NO_TICKET);
  for (const ticket of tickets) {
    const token = table.tokens.bytes.subarray(table.tokenAt(ticket), table.tokenAt(ticket) + 24);
    expect(token.every((byte) => byte === (ticket & 255))).toBe(true);
  }
  for (const ticket of tickets) table.giveBack(ticket);
  expect(table.size).toBe(0);
  expect(tickets).toContain(table.take(undefined));
});

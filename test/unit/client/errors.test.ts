import { describe, expect, test } from 'vitest';
import {
  ClosedError,
  ConnectError,
  ConnectionLostError,
  errorOfReply,
  MalformedReplyError,
  QueueFullError,
  SessionNotFoundError,
  SojournError,
  STATUS_ERRORS,
  TimeoutError,
} from '../../../src/client/errors.js';
import { STATUSES, type StatusSpec } from '../../../src/core/statuses.js';

const failing = Object.entries(STATUSES as Record<string, StatusSpec>).filter(
  ([, spec]) => spec.class !== 'ok',
);

describe('errorOfReply', () => {
  test.each(failing)('makes of %s an error with its number, class and help', (code, spec) => {
    const error = errorOfReply(spec.code, {});
    expect(error).toBeInstanceOf(SojournError);
    expect(error).toBeInstanceOf(STATUS_ERRORS[code as keyof typeof STATUS_ERRORS]);
    expect(error).toMatchObject({
      status: spec.code,
      code,
      statusClass: spec.class,
      help: spec.help,
      message: spec.help,
    });
  });

  test.each(Object.values(STATUS_ERRORS))('names the error after its class: %s', (errorClass) => {
    expect(new errorClass().name).toBe(errorClass.name);
    expect(errorClass.name).toMatch(/^[A-Z][A-Za-z]+Error$/);
  });

  test('prefers the line of the reply to the general help', () => {
    const error = errorOfReply(100, { m: 'ended at noon' });
    expect(error).toBeInstanceOf(SessionNotFoundError);
    expect(error.message).toBe('ended at noon');
    expect(error.help).toBe(STATUSES.NO_SUCH_SESSION.help);
  });

  test('keeps the number of a status that this client does not know', () => {
    expect(errorOfReply(777, {})).toMatchObject({ status: 777, code: 'UNRECOGNIZED' });
    expect(errorOfReply(777, { m: 'a new trouble' }).message).toBe('a new trouble');
  });

  test('offers the number of a status on its class', () => {
    expect(SessionNotFoundError.status).toBe(100);
  });
});

describe('errors without a reply', () => {
  test.each([
    [new ConnectError('cannot connect'), 'ConnectError', 'CONNECT_FAILED'],
    [new ConnectionLostError('cut'), 'ConnectionLostError', 'CONNECTION_LOST'],
    [new TimeoutError(5, true), 'TimeoutError', 'TIMEOUT'],
    [new ClosedError(false), 'ClosedError', 'CLOSED'],
    [new QueueFullError(), 'QueueFullError', 'QUEUE_FULL'],
    [new MalformedReplyError('odd'), 'MalformedReplyError', 'MALFORMED_REPLY'],
  ])('%s has status 0 and a code of its own', (error, name, code) => {
    expect(error).toBeInstanceOf(SojournError);
    expect(error).toMatchObject({ name, code, status: 0, statusClass: 'client' });
  });

  test('say whether the command may have been executed', () => {
    expect(new ConnectionLostError('cut').message).toContain('outcome is unknown');
    expect(new TimeoutError(5, true).message).toContain('outcome is unknown');
    expect(new TimeoutError(5, false).message).toContain('not executed');
    expect(new ClosedError(true).message).toContain('outcome is unknown');
    expect(new ClosedError(false).message).toContain('not executed');
  });
});

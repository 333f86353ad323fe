import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteSpace } from '../../../src/core/copy.js';
import {
  FRAME_BROKEN,
  FRAME_COMMAND,
  FRAME_END,
  FRAME_MALFORMED,
  NativeFrame,
  OP_UNKNOWN,
  TOKEN_NIL,
  TOKEN_RAW,
  TOKEN_TEXT,
  TOKEN_WRONG,
} from '../../../src/protocol/native-frame.js';

interface Step {
  readonly step: number;
  readonly id: number;
  readonly op: number;
  readonly form: number;
  readonly body: Uint8Array;
}

/** Bytes that lie in the middle of others; reading one of those would show in the result. */
function spaceOf(bytes: Uint8Array): ByteSpace {
  const around = new Uint8Array(bytes.length + 64).fill(0xc0);
  around.set(bytes, 32);
  return new ByteSpace(around.buffer, 32, bytes.length);
}

function walk(bytes: Uint8Array): Step[] {
  const space = spaceOf(bytes);
  const frame = new NativeFrame(space);
  frame.open(space, space.bytes.length);
  const steps: Step[] = [];
  for (;;) {
    const step = frame.next();
    if (step === FRAME_END) return steps;
    const { id, op, tokenForm, bodyAt, bodyEnd } = frame.command;
    const isCommand = step === FRAME_COMMAND;
    steps.push({
      step,
      id: id >>> 0,
      op: isCommand ? op : 0,
      form: isCommand ? tokenForm : 0,
      body: isCommand ? space.bytes.slice(bodyAt, bodyEnd) : new Uint8Array(0),
    });
    if (step === FRAME_BROKEN) return steps;
  }
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

describe('NativeFrame', () => {
  test.each([
    ['fixint', '94 22 07 c0 c0', 34, 7],
    ['uint8', '94 cc22 cc07 c0 c0', 34, 7],
    ['uint16', '94 cd0022 cd0007 c0 c0', 34, 7],
    ['uint32', '94 ce00000022 ceffffffff c0 c0', 34, 0xffff_ffff],
    ['uint64', '94 cf0000000000000022 cf00000000ffffffff c0 c0', 34, 0xffff_ffff],
    ['array16', 'dc0004 22 07 c0 c0', 34, 7],
    ['array32', 'dd00000004 22 07 c0 c0', 34, 7],
    ['an op that cannot exist', '94 cd0100 07 c0 c0', OP_UNKNOWN, 7],
    ['an enormous op', '94 cfffffffffffffffff 07 c0 c0', OP_UNKNOWN, 7],
  ])('reads op and id as %s', (_, content, op, id) => {
    const [step] = walk(encode(hex(content)));
    expect(step).toMatchObject({ step: FRAME_COMMAND, op, id, form: TOKEN_NIL });
    expect(step?.body).toEqual(hex('c0'));
  });

  test.each([
    ['24 raw bytes', new Uint8Array(24), TOKEN_RAW],
    ['32 characters', 'A'.repeat(32), TOKEN_TEXT],
    ['nil', null, TOKEN_NIL],
    ['23 bytes', new Uint8Array(23), TOKEN_WRONG],
    ['25 bytes', new Uint8Array(25), TOKEN_WRONG],
    ['31 characters', 'A'.repeat(31), TOKEN_WRONG],
    ['a number', 12345, TOKEN_WRONG],
    ['a map', { a: [1, { b: 'c' }] }, TOKEN_WRONG],
    ['an array', [[], [new Uint8Array(24)]], TOKEN_WRONG],
    ['a float', 1.5, TOKEN_WRONG],
    ['true', true, TOKEN_WRONG],
  ])('takes %s for the token, and the body after it', (_, token, form) => {
    const [step] = walk(encode(encode([34, 7, token, { keys: ['a'] }])));
    expect(step).toMatchObject({ step: FRAME_COMMAND, form });
    expect(decode(step!.body)).toEqual({ keys: ['a'] });
  });

  test.each([
    ['nothing', '', 0],
    ['no array', '07', 0],
    ['an empty array', '90', 0],
    ['one element', '91 22', 0],
    ['two elements', '92 22 07', 7],
    ['three elements', '93 22 07 c0', 7],
    ['five elements', '95 22 07 c0 c0 c0', 7],
    ['no body', '94 22 07 c0', 7],
    ['an op of the wrong type', '94 a178 07 c0 c0', 7],
    ['a negative op', '94 ff 07 c0 c0', 7],
    ['an op that is a map', '94 81a16101 07 c0 c0', 7],
    ['an id of the wrong type', '94 22 a178 c0 c0', 0],
    ['a negative id', '94 22 ff c0 c0', 0],
    ['an id beyond 32 bits', '94 22 cf0000000100000000 c0 c0', 0],
    ['a cut id', '94 22 ce0000', 0],
    ['a cut token', '94 22 07 c418 00', 7],
    ['a byte that msgpack does not use', '94 22 07 c1 c0', 7],
    ['a token that claims more items than there are bytes', '94 22 07 ddffffffff c0', 7],
  ])('calls a bin that holds %s malformed, and goes on with the next', (_, content, id) => {
    const good = encode(encode([32, 9, null, null]));
    const steps = walk(Buffer.concat([encode(hex(content)), good]));
    expect(steps[0]).toMatchObject({ step: FRAME_MALFORMED, id });
    expect(steps[1]).toMatchObject({ step: FRAME_COMMAND, id: 9 });
    expect(steps).toHaveLength(2);
  });

  test.each([
    ['an empty frame', ''],
    ['a str', 'a161'],
    ['a bin cut in its head', 'c5 00'],
    ['a bin cut in its content', 'c4 05 94 22 07 c0'],
    ['a bin that claims 4 GiB', 'c6 ffffffff 94 22 07 c0 c0'],
  ])('calls %s broken', (_, frame) => {
    expect(walk(hex(frame))).toMatchObject([{ step: FRAME_BROKEN }]);
  });

  test('executes what was whole before a break', () => {
    const whole = encode(encode([32, 1, null, null]));
    const steps = walk(Buffer.concat([whole, whole, hex('c4 ff 00')]));
    expect(steps.map(({ step }) => step)).toEqual([FRAME_COMMAND, FRAME_COMMAND, FRAME_BROKEN]);
  });

  test('reads every frame that an encoder can make', () => {
    const command = fc.record({
      op: fc.nat(255),
      id: fc.nat(0xffff_ffff),
      token: fc.oneof(
        fc.constant(null),
        fc.uint8Array({ minLength: 24, maxLength: 24 }),
        fc.anything({ maxDepth: 3, values: [fc.string(), fc.integer(), fc.boolean()] }),
      ),
      body: fc.dictionary(fc.string(), fc.jsonValue()),
    });
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 8 }), (commands) => {
        const bins = commands.map(({ op, id, token, body }) =>
          encode(encode([op, id, token, body])),
        );
        const steps = walk(Buffer.concat(bins));
        expect(steps).toHaveLength(commands.length);
        for (const [index, { op, id, body }] of commands.entries()) {
          expect(steps[index]).toMatchObject({ step: FRAME_COMMAND, op, id });
          expect(steps[index]!.body).toEqual(encode(body));
        }
      }),
    );
  });

  test('never throws, never reads outside and always ends, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const step of walk(bytes)) expect(step.body.length).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 5_000 },
    );
  });

  test('never throws on a valid frame in which bytes were changed, cut or added', () => {
    const valid = encode(encode([34, 7, new Uint8Array(24), { keys: ['a', 'b'], n: [1, [2]] }]));
    const change = fc.tuple(fc.nat(valid.length - 1), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 4 }),
        fc.nat(valid.length),
        fc.uint8Array({ maxLength: 8 }),
        (changes, cut, tail) => {
          const mutated = Uint8Array.from(valid);
          for (const [at, byte] of changes) mutated[at] = byte;
          walk(mutated);
          walk(mutated.subarray(0, cut));
          walk(Buffer.concat([mutated, tail]));
        },
      ),
      { numRuns: 5_000 },
    );
  });

  test('steps over a token nested a million deep without a stack', () => {
    const depth = 1_000_000;
    const content = new Uint8Array(depth + 5).fill(0x91);
    content.set([0x94, 0x22, 0x07]);
    content.set([0xc0, 0xc0], depth + 3);
    expect(walk(encode(content))).toMatchObject([{ step: FRAME_COMMAND, form: TOKEN_WRONG }]);
  });
});

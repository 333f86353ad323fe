/**
 * Transcripts: what a client sends and what exactly comes back, as text that can be read beside the
 * yardstick they are written from.
 *
 *   > {"SH_NEW":{}}                               a text frame
 *   < {"SH_NEW_RSP":{"st":1,"tkn":<A>,"id":<id>}} the reply to it, character for character
 *   b 7b7d                                        a binary frame, in hex
 *   + 5                                           time goes on by so many seconds
 *   # why                                         a remark
 *
 * In a reply <A> to <Z> stand for tokens: the first one seen is remembered, later ones must be the
 * same, and requests may use them. <id> is a public id, <n> a whole number, <b> true or false, <s> a number of
 * seconds, <2.5> so many seconds, whole and truncated where tokens are integers. In requests <none> is a token of no session, <big> a text longer than a frame may be.
 */
import { expect } from 'vitest';
import type { RawClient } from './raw-client.js';

/** Rows of a table by their names. */
export type Table = Readonly<Record<string, string>>;

export type TokenForm = 'text' | 'uint64';

/** What a transcript is played to. */
export interface Stage {
  readonly client: RawClient;
  readonly form: TokenForm;
  /** Absent where the time is real. */
  readonly advance?: (seconds: number) => void;
}

export const BIG_CHARACTERS = 70_000;

const TOKEN_PATTERN = { text: '"[\\w-]{32}"', uint64: '(?:0|[1-9]\\d{0,19})' } as const;
const NO_SESSION = { text: `"${'A'.repeat(32)}"`, uint64: '18446744073709551614' } as const;
const PLACES: Readonly<Record<string, string>> = {
  id: '"[0-9a-f]{24}"',
  n: '\\d+',
  s: '\\d+(?:\\.\\d+)?',
  b: '(?:true|false)',
};

/** Plays a transcript and compares each reply. */
export async function play(transcript: string, stage: Stage): Promise<void> {
  const tokens = new Map<string, string>();
  for (const line of transcript.split('\n')) {
    const [kind, text] = [line.trim().slice(0, 2), line.trim().slice(2)];
    if (kind === '> ' || kind === '>') stage.client.send(requestFrom(text, tokens, stage.form));
    else if (kind === 'b ') stage.client.send(Uint8Array.from(Buffer.from(text, 'hex')));
    else if (kind === '< ') expectReply(text, await stage.client.next(), tokens, stage.form);
    else if (kind === '+ ') pass(Number(text), stage);
    else if (kind !== '# ' && kind !== '') throw new Error(`no such line: ${line}`);
  }
}

function pass(seconds: number, { advance }: Stage): void {
  if (advance === undefined) throw new Error('this transcript needs a clock that can be moved');
  advance(seconds);
}

function requestFrom(text: string, tokens: ReadonlyMap<string, string>, form: TokenForm): string {
  return text.replaceAll(/<(none|big|[A-Z])>/g, (_, name: string) => {
    if (name === 'none') return NO_SESSION[form];
    if (name === 'big') return 'x'.repeat(BIG_CHARACTERS);
    const token = tokens.get(name);
    if (token === undefined) throw new Error(`no reply has shown <${name}>`);
    return token;
  });
}

function expectReply(
  expected: string,
  message: string | Uint8Array,
  tokens: Map<string, string>,
  form: TokenForm,
): void {
  const names: string[] = [];
  const pattern = expected.split(/(<(?:none|id|n|s|b|[A-Z]|[\d.]+)>)/).map((piece) => {
    const name = /^<([\w.]+)>$/.exec(piece)?.[1];
    if (name === undefined) return escaped(piece);
    if (name === 'none') return NO_SESSION[form];
    if (/^\d/.test(name)) return form === 'text' ? escaped(name) : String(Math.floor(Number(name)));
    const known = tokens.get(name);
    if (known !== undefined) return known;
    const place = PLACES[name];
    if (place !== undefined) return place;
    // A name that is new and comes twice in one reply is the same twice.
    if (names.includes(name)) return `\\k<${name}>`;
    names.push(name);
    return `(?<${name}>${TOKEN_PATTERN[form]})`;
  });
  const reply = String(message);
  const match = new RegExp(`^${pattern.join('')}$`).exec(reply);
  // The whole expectation and the whole reply side by side are what a reader wants to see.
  if (match === null) expect(reply).toBe(expected);
  for (const name of names) tokens.set(name, match?.groups?.[name] ?? '');
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

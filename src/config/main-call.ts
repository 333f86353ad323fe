/**
 * Commands that main answers: they concern files, or the server as a whole. The I/O thread checks
 * them and hands them over as a message; main's answer is a message, too.
 */

export type MainRequest =
  | {
      readonly command: 'SH_SAVE';
      readonly name: string;
      /** SELECTED_WORDS (walk-messages.ts) for each session asked for; undefined: all sessions. */
      readonly digests: Int32Array | undefined;
    }
  | { readonly command: 'KV_SAVE'; readonly name: string }
  | { readonly command: 'SH_LOAD' | 'KV_LOAD'; readonly name: string }
  | { readonly command: 'SV_SNAPSHOT' };

/** The reply in the catalogue's terms: its status, and its members, `m` among them where it fails. */
export interface MainAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, string | number>>;
}

/** An I/O thread to main. */
export interface MainCall {
  readonly type: 'call';
  /** Of the I/O thread's choice; the answer repeats it. */
  readonly call: number;
  readonly request: MainRequest;
}

/** Main to an I/O thread. */
export interface MainCallAnswered {
  readonly type: 'answer';
  readonly call: number;
  readonly answer: MainAnswer;
}

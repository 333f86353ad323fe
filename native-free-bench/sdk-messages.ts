/** What the bench of the SDK and its processes say to each other. One report answers each order. */
export type SdkKind = 'sojourn' | 'redis';

export type SdkOrder =
  | {
      readonly type: 'prepare';
      readonly kind: SdkKind;
      readonly port: number;
      readonly sessions: number;
    }
  | { readonly type: 'run'; readonly seconds: number; readonly callsInFlight: number };

export interface SdkRun {
  readonly type: 'ran';
  readonly perSecond: number;
  /** Of the client's process, all threads. */
  readonly cpuUsPerCall: number;
}

export type SdkReport =
  { readonly type: 'prepared' } | SdkRun | { readonly type: 'failed'; readonly reason: string };

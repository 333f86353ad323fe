/** What the bench and its generator processes say to each other. One report answers each order. */
import type { LoadShape } from './load.js';
import type { Operation } from './protocol.js';
import type { ThreadTime } from './thread-times.js';

export const TARGET_KINDS = ['sojourn', 'echo', 'redis', 'memcached'] as const;
export type TargetKind = (typeof TARGET_KINDS)[number];

export type GeneratorOrder =
  | {
      readonly type: 'prepare';
      /** Of the server, in the orders that follow: several of one kind may be under test. */
      readonly name: string;
      readonly target: TargetKind;
      readonly port: number;
      readonly connections: number;
      readonly sessions: number;
    }
  | {
      readonly type: 'run';
      readonly name: string;
      readonly operation: Operation;
      readonly shape: LoadShape;
      readonly warmSeconds: number;
      readonly seconds: number;
      /** See WindowOptions. */
      readonly pid: number | undefined;
    }
  | {
      /** An open loop. */
      readonly type: 'pace';
      readonly name: string;
      readonly operations: readonly Operation[];
      readonly perSecond: number;
      readonly warmSeconds: number;
      readonly seconds: number;
    }
  | { readonly type: 'verify'; readonly name: string };

/** A WindowResult that can cross to another process: its histogram as base64. */
export interface RunReport {
  readonly type: 'ran';
  readonly commands: number;
  readonly seconds: number;
  readonly failures: number;
  readonly threads: readonly ThreadTime[];
  readonly ownCpuUs: number;
  readonly latencyUs: string;
}

/** Both histograms as base64. */
export interface PaceReport {
  readonly type: 'paced';
  readonly commands: number;
  readonly seconds: number;
  readonly latencyUs: string;
  readonly latenessUs: string;
}

export type GeneratorReport =
  | { readonly type: 'prepared' }
  | RunReport
  | PaceReport
  /** One line per wrong answer, at most a few. */
  | { readonly type: 'verified'; readonly checked: number; readonly problems: readonly string[] }
  | { readonly type: 'failed'; readonly reason: string };

/** Where the server tells the operator what happens: a line, and figures beside it. */
export interface ServerLog {
  info(text: string, figures?: object): void;
  warn(text: string, figures?: object): void;
  error(text: string, figures?: object): void;
}

/** For servers within another program. */
export const NO_LOG: ServerLog = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

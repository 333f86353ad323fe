/** What is used of 0x, which brings no types. */
declare module '0x' {
  interface ZeroExOptions {
    readonly visualizeCpuProfile: string;
    readonly workingDir: string;
    readonly outputHtml: string;
    readonly name: string;
    readonly title: string;
  }

  /** Draws a flame graph. @returns a file: URL. */
  const zeroEx: (options: ZeroExOptions) => Promise<string>;
  export = zeroEx;
}

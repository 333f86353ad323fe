/** The bench's side of a generator process. */
import type { ChildProcess } from 'node:child_process';
import type { GeneratorOrder, GeneratorReport } from './generator-messages.js';
import { startScript, stopChild } from './processes.js';

type Report<Type extends GeneratorReport['type']> = Extract<
  GeneratorReport,
  { readonly type: Type }
>;

interface ReportTypes {
  prepare: 'prepared';
  run: 'ran';
  pace: 'paced';
  verify: 'verified';
}

export class GeneratorProcess {
  readonly #child: ChildProcess = startScript(new URL('generator.js', import.meta.url));

  /** One order at a time. */
  order<Type extends GeneratorOrder['type']>(
    order: Extract<GeneratorOrder, { readonly type: Type }>,
  ): Promise<Report<ReportTypes[Type]>> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('the load generator ended'));
      if (!this.#child.connected) onExit();
      this.#child.once('exit', onExit);
      this.#child.once('message', (report: GeneratorReport) => {
        this.#child.off('exit', onExit);
        if (report.type === 'failed') reject(new Error(`${order.name}: ${report.reason}`));
        else resolve(report as Report<ReportTypes[Type]>);
      });
      this.#child.send(order);
    });
  }

  /** Its connections go with it. */
  stop(): Promise<void> {
    return stopChild(this.#child);
  }
}

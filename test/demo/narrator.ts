import cliProgress from 'cli-progress';

/** What a person sees of a demo: headings, facts, progress. With `quiet`, nothing. */
export interface Narrator {
  heading(text: string): void;
  fact(text: string): void;
  /** Shows `text` with a bar while `work` runs; `report` takes the share done, 0 to 1. */
  during<T>(
    text: string,
    work: (report: (share: number, note?: string) => void) => Promise<T>,
  ): Promise<T>;
}

const BAR_STEPS = 1000;

export function createNarrator(): Narrator {
  const isTerminal = process.stdout.isTTY === true;
  const line = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  return {
    heading: (text) => line(`\n${text}`),
    fact: (text) => line(`  ${text}`),
    async during(text, work) {
      if (!isTerminal) {
        const startedMs = performance.now();
        const result = await work(() => undefined);
        line(`  ${text}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
        return result;
      }
      const bar = new cliProgress.SingleBar({
        format: `  {bar} ${text} {note}`,
        barsize: 24,
        hideCursor: true,
        linewrap: false,
      });
      bar.start(BAR_STEPS, 0, { note: '' });
      try {
        const result = await work((share, note = '') =>
          bar.update(Math.round(Math.min(1, share) * BAR_STEPS), { note }),
        );
        bar.update(BAR_STEPS, { note: '' });
        return result;
      } finally {
        bar.stop();
      }
    },
  };
}

export const mebibytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(1)} MiB`;

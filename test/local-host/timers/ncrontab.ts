import { Cron } from 'croner';

export interface Schedule {
  /** The schedule with settings resolved. */
  expression: string;
  /** The first occurrence after the instant, or undefined when there is none. */
  nextMs(afterMs: number): number | undefined;
}

/** Numbers, names, lists, ranges and steps: what NCRONTAB knows (github.com/atifaziz/NCrontab), and no more. */
const FIELD = /^(?:\*|(?:\d{1,2}|[A-Za-z]{3})(?:-(?:\d{1,2}|[A-Za-z]{3}))?)(?:\/\d{1,2})?$/;

/**
 * Parses an NCRONTAB schedule of six fields, or five without seconds, in UTC. A day must match both the day of the
 * month and the day of the week. Throws an Error that names the schedule.
 */
export function parseSchedule(expression: string): Schedule {
  const fields = expression.trim().split(/\s+/);
  const isWellFormed =
    (fields.length === 5 || fields.length === 6) &&
    fields.every((field) => field.split(',').every((part) => FIELD.test(part))) &&
    // Days of the week go from 0 to 6 there.
    !/(?:^|[,-])7/.test(fields.at(-1) ?? '');
  const bad = `The schedule expression '${expression}' was not recognized as a valid cron expression`;
  if (!isWellFormed) {
    throw new Error(`${bad}; write six fields "second minute hour day month day-of-week"`);
  }
  let cron: Cron;
  try {
    cron = new Cron(expression.trim(), {
      mode: fields.length === 5 ? '5-part' : '6-part',
      timezone: 'UTC',
      domAndDow: true,
      paused: true,
    });
  } catch (error) {
    throw new Error(`${bad}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return {
    expression,
    nextMs: (afterMs) => cron.nextRun(new Date(afterMs))?.getTime(),
  };
}

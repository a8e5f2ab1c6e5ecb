import type { HostClock } from './host-clock.ts';

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical';

/** One log line: what is written to stderr as one JSON object. */
export interface LogLine {
  time: string;
  level: LogLevel;
  message: string;
  function?: string;
  instanceId?: string;
}

export type HostLog = (
  level: LogLevel,
  message: string,
  source?: { function?: string; instanceId?: string },
) => void;

/** A log that hands every line, with its time, to `write`. */
export function createHostLog(clock: HostClock, write: (line: LogLine) => void): HostLog {
  return (level, message, source) => {
    write({ time: clock.nowUtc(), level, ...source, message });
  };
}

/** Writes a line as JSON to stderr. */
export function writeLogLine(line: LogLine): void {
  process.stderr.write(`${JSON.stringify(line)}\n`);
}

const LEVELS: readonly string[] = ['trace', 'debug', 'information', 'warning', 'error', 'critical'];

/** The level that a worker reports, or `information` for one that is unknown (`none` included). */
export function toLogLevel(level: string): LogLevel {
  return LEVELS.includes(level) ? (level as LogLevel) : 'information';
}

import { describe, expect, it } from 'vitest';
import { parseSchedule } from './ncrontab.ts';

const startMs = Date.parse('2026-03-28T10:20:30Z');

function next(expression: string, count = 1): string[] {
  const schedule = parseSchedule(expression);
  const found: string[] = [];
  let atMs = startMs;
  for (let i = 0; i < count; i += 1) {
    atMs = schedule.nextMs(atMs) ?? Number.NaN;
    found.push(new Date(atMs).toISOString());
  }
  return found;
}

describe('parseSchedule', () => {
  it.each([
    ['*/15 * * * * *', ['2026-03-28T10:20:45.000Z', '2026-03-28T10:21:00.000Z']],
    ['*/5 * * * *', ['2026-03-28T10:25:00.000Z', '2026-03-28T10:30:00.000Z']],
    ['0 30 9-17/4 * * MON,Tue', ['2026-03-30T09:30:00.000Z', '2026-03-30T13:30:00.000Z']],
    ['0 0 3 * Jan *', ['2027-01-01T03:00:00.000Z', '2027-01-02T03:00:00.000Z']],
  ])('%s', (expression, expected) => {
    expect(next(expression, 2)).toEqual(expected);
  });

  it('wants both the day of the month and the day of the week to match', () => {
    expect(next('0 0 0 13 * 5', 2)).toEqual([
      '2026-11-13T00:00:00.000Z',
      '2027-08-13T00:00:00.000Z',
    ]);
  });

  it('stays in UTC across a change to summer time', () => {
    expect(next('0 30 2 * * *', 2)).toEqual([
      '2026-03-29T02:30:00.000Z',
      '2026-03-30T02:30:00.000Z',
    ]);
  });

  it.each([
    '',
    '* * * *',
    '* * * * * * *',
    '61 * * * * *',
    '@daily',
    '0 0 L * *',
    '0 0 ? * *',
    'x',
  ])('refuses "%s" and names it', (expression) => {
    expect(() => parseSchedule(expression)).toThrow(`The schedule expression '${expression}'`);
  });

  it('gives nothing for a date that never comes', () => {
    expect(parseSchedule('0 0 0 31 2 *').nextMs(startMs)).toBeUndefined();
  });
});

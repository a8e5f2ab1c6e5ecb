import { expect, it } from 'vitest';
import { startFixture } from '../fixture-host.ts';
import { shortenDates } from './shorten-dates.ts';

it.each([
  ['2026-01-02T03:04:05.000Z', '2026-01-02T03:04:05Z'],
  ['2026-01-02T03:04:05.340+09:00', '2026-01-02T03:04:05.34+09:00'],
  ['2026-01-02T03:04:05.111Z', '2026-01-02T03:04:05.111Z'],
  ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05Z'],
  ['on 2026-01-02T03:04:05.000Z', 'on 2026-01-02T03:04:05.000Z'],
  ['{"at":"2026-01-02T03:04:05.000Z"}', '{"at":"2026-01-02T03:04:05.000Z"}'],
])('%s becomes %s', (text, expected) => {
  expect(JSON.parse(shortenDates(JSON.stringify({ text })))).toEqual({ text: expected });
});

it('happens on the way to orchestrator and activity only when asked for', async () => {
  const at = '2026-01-02T03:04:05.000Z';
  for (const [shortensDates, expected] of [
    [true, '2026-01-02T03:04:05Z'],
    [false, at],
  ] as const) {
    const host = await startFixture('durable', { shortensDates });
    expect((await host.run('returnsInput', { at })).output).toMatchObject({
      input: { at: expected },
    });
    expect((await host.run('echoes', [{ at }])).output).toEqual([{ at: expected }]);
    await host.dispose();
  }
});

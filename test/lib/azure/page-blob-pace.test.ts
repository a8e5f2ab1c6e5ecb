import { describe, expect, it } from 'vitest';
import { createPageBlobPaces, type PageBlobPace } from '../../../lib/azure/page-blob-pace.ts';
import { createVirtualClock, type VirtualClock } from '../../fakes/virtual-clock.ts';

const MIB = 1024 ** 2;

/** Sends so many writes, all wanted at once, and answers when each went out. */
async function send(
  pace: PageBlobPace,
  clock: VirtualClock,
  count: number,
  bytes: number,
  tookMs = 0,
): Promise<number[]> {
  const sentAtMs: number[] = [];
  await Promise.all(
    Array.from({ length: count }, () =>
      pace.run(bytes, async () => {
        sentAtMs.push(clock.monotonicMs());
        if (tookMs > 0) await clock.sleep(tookMs);
      }),
    ),
  );
  return sentAtMs;
}

/** The most that went out within any second that begins with a write. */
const mostInOneSecond = (sentAtMs: readonly number[]): number =>
  Math.max(
    ...sentAtMs.map((from) => sentAtMs.filter((at) => at >= from && at < from + 1000).length),
  );

describe('the pace of writes to a page blob', () => {
  it('lets everything go at once before the service has refused anything', async () => {
    const clock = createVirtualClock();
    const sent = await send(createPageBlobPaces(clock).forBlob(), clock, 100, 4 * MIB);
    expect(new Set(sent)).toEqual(new Set([0]));
  });

  it.each([0, 10])('keeps large writes of %i ms to 60 MiB in any second', async (tookMs) => {
    const clock = createVirtualClock();
    const pace = createPageBlobPaces(clock).forBlob();
    pace.refused();
    const sent = await send(pace, clock, 150, 4 * MIB, tookMs);
    expect(mostInOneSecond(sent)).toBe(15);
    const seconds = ((sent.at(-1) ?? 0) - (sent[0] ?? 0)) / 1000;
    expect(((150 - 15) * 4) / seconds).toBeGreaterThan(57);
  });

  it('keeps small writes to 500 in any second after a refusal', async () => {
    const clock = createVirtualClock();
    const pace = createPageBlobPaces(clock).forBlob();
    pace.refused();
    const sent = await send(pace, clock, 1200, 512);
    expect(mostInOneSecond(sent)).toBe(500);
    expect(sent.at(-1)).toBeLessThan(2_100);
  });

  it('counts what was sent before the refusal', async () => {
    const clock = createVirtualClock();
    const pace = createPageBlobPaces(clock).forBlob();
    await send(pace, clock, 15, 4 * MIB);
    pace.refused();
    const [next = 0] = await send(pace, clock, 1, 4 * MIB);
    expect(next).toBeGreaterThanOrEqual(1000);
    expect(next).toBeLessThan(1050);
  });

  it('paces the other blobs of the account as well, each by itself', async () => {
    const clock = createVirtualClock();
    const paces = createPageBlobPaces(clock);
    paces.forBlob().refused();
    const [one, other] = await Promise.all([
      send(paces.forBlob(), clock, 30, 4 * MIB),
      send(paces.forBlob(), clock, 30, 4 * MIB),
    ]);
    expect(mostInOneSecond(one)).toBe(15);
    expect(other).toEqual(one);
  });

  it('sends a write that is larger than the limit alone', async () => {
    const clock = createVirtualClock();
    const pace = createPageBlobPaces(clock).forBlob();
    pace.refused();
    expect(await send(pace, clock, 1, 64 * MIB)).toEqual([0]);
  });

  it('tries without a limit again after ten minutes without a refusal', async () => {
    const clock = createVirtualClock();
    const pace = createPageBlobPaces(clock).forBlob();
    pace.refused();
    await clock.sleep(10 * 60_000);
    const sent = await send(pace, clock, 50, 4 * MIB);
    expect(new Set(sent).size).toBe(1);
  });

  it('gives up its turn when the copy is aborted, and lets the next one go', async () => {
    const clock = createVirtualClock();
    const pace = createPageBlobPaces(clock).forBlob();
    pace.refused();
    await send(pace, clock, 15, 4 * MIB);
    const abort = new AbortController();
    const waiting = pace.run(4 * MIB, async () => {}, abort.signal);
    const next = send(pace, clock, 1, 4 * MIB);
    abort.abort(new Error('superseded'));
    await expect(waiting).rejects.toThrow('superseded');
    expect(await next).toHaveLength(1);
  });

  it('passes on what the write throws', async () => {
    const pace = createPageBlobPaces(createVirtualClock()).forBlob();
    const failing = pace.run(512, async () => {
      throw new Error('reset');
    });
    await expect(failing).rejects.toThrow('reset');
  });
});

import type { PageBlobClient } from '@azure/storage-blob';
import { describe, expect, test } from 'vitest';
import { createSnapshotGrants } from '../../../lib/azure/snapshot-grants.ts';
import type { Clock } from '../../../lib/time/clock.ts';

const createPlatform = (lifetimeMs = 1000) => {
  let nowMs = 0;
  let minted = 0;
  let sameUrl = false;
  const log: string[] = [];
  const clock: Clock = {
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    sleep: async () => undefined,
  };
  const grants = createSnapshotGrants({
    clock,
    mint: async (snapshotId) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (!sameUrl) minted += 1;
      log.push(`mint ${snapshotId}`);
      if (snapshotId === 'gone') throw new Error('gone');
      return {
        url: `url-${minted}`,
        client: {} as PageBlobClient,
        expiresAtMs: nowMs + lifetimeMs,
      };
    },
    revoke: async (snapshotId) => {
      log.push(`revoke ${snapshotId}`);
      sameUrl = false;
    },
  });
  return {
    grants,
    log,
    advance: (ms: number) => {
      nowMs += ms;
    },
    answerSameUrl: () => {
      sameUrl = true;
    },
  };
};

describe('snapshot grants', () => {
  test('one grant serves all readers of a snapshot, whatever the case of its id', async () => {
    const { grants, log } = createPlatform();
    const all = await Promise.all([grants.get('A'), grants.get('a'), grants.get('A')]);
    expect(new Set(all.map((grant) => grant.url))).toEqual(new Set(['url-1']));
    expect(log).toEqual(['mint A']);
  });

  test('a grant that is about to end is replaced, by one of those who notice', async () => {
    const { grants, log, advance } = createPlatform();
    await grants.get('a');
    advance(1000);
    const all = await Promise.all([grants.get('a'), grants.get('a')]);
    expect(all.map((grant) => grant.url)).toEqual(['url-2', 'url-2']);
    expect(log).toHaveLength(2);
  });

  test('many who were refused at once mint one other grant', async () => {
    const { grants, log } = createPlatform();
    const { url } = await grants.get('a');
    const all = await Promise.all([grants.renew('a', url), grants.renew('a', url)]);
    expect(all.map((grant) => grant.url)).toEqual(['url-2', 'url-2']);
    expect(await grants.renew('a', url)).toMatchObject({ url: 'url-2' });
    expect(log).toEqual(['mint a', 'mint a']);
  });

  test('access is ended first where the platform answers the refused URL again', async () => {
    const { grants, log, answerSameUrl } = createPlatform();
    const { url } = await grants.get('a');
    answerSameUrl();
    expect((await grants.renew('a', url)).url).not.toBe(url);
    expect(log).toEqual(['mint a', 'mint a', 'revoke a', 'mint a']);
  });

  test('a failure is not remembered, and an ended grant is minted anew', async () => {
    const { grants, log } = createPlatform();
    await expect(grants.get('gone')).rejects.toThrow('gone');
    await expect(grants.get('gone')).rejects.toThrow('gone');
    await grants.get('a');
    await grants.end('a');
    await grants.get('a');
    expect(log).toEqual(['mint gone', 'mint gone', 'mint a', 'revoke a', 'mint a']);
  });
});

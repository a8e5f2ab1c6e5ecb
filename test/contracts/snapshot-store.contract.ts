import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { TAGS } from '../../lib/catalog/storage-layout.ts';
import type { SnapshotInProgress, SnapshotStore } from '../../lib/ports/snapshot-store.ts';
import type { Clock } from '../../lib/time/clock.ts';

export interface SnapshotStoreSubject {
  readonly store: SnapshotStore;
  readonly clock: Clock;
  readonly diskId: string;
  readonly diskUniqueId: string;
  readonly region: string;
}

/** The promises of `SnapshotStore`, for the fake of the unit tests and for the adapter alike. */
export function describeSnapshotStore(
  name: string,
  start: () => Promise<SnapshotStoreSubject>,
): void {
  describe(`a snapshot store (${name})`, () => {
    let subject: SnapshotStoreSubject;
    beforeAll(async () => {
      subject = await start();
    });
    const order = (name: string, diskId = subject.diskId) => ({
      name,
      diskId,
      region: subject.region,
      tags: { [TAGS.deployment]: 'contract', [TAGS.attempt]: 'aaaaaa' },
    });
    const freshName = (): string => `ls-contract-${randomBytes(6).toString('hex')}`;
    const finish = async (begun: SnapshotInProgress): Promise<string> => {
      const untilMs = subject.clock.monotonicMs() + 20_000;
      while (subject.clock.monotonicMs() < untilMs) {
        const progress = await subject.store.poll(begun);
        if (progress.state !== 'running') return progress.state;
        await subject.clock.sleep(progress.retryAfterMs ?? 50);
      }
      return 'never';
    };
    const take = async (name: string): Promise<SnapshotInProgress> => {
      const begun = await subject.store.begin(order(name));
      if (!begun.ok) throw new Error(begun.message);
      expect(await finish(begun.value)).toBe('succeeded');
      return begun.value;
    };

    it('accepts before the snapshot is done, and names it as it said it would', async () => {
      const name = freshName();
      const begun = await subject.store.begin(order(name));
      if (!begun.ok) throw new Error(begun.message);
      expect(begun.value.snapshotId.toLowerCase()).toBe(subject.store.idOf(name).toLowerCase());
      expect(await subject.store.poll(begun.value)).toMatchObject({ state: 'running' });
      expect(await finish(begun.value)).toBe('succeeded');
      expect(await subject.store.get(begun.value.snapshotId)).toMatchObject({
        name,
        provisioningState: 'Succeeded',
        incremental: true,
        sourceDiskUniqueId: subject.diskUniqueId,
        tags: { [TAGS.attempt]: 'aaaaaa' },
        timeCreatedUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      });
    });

    it('gives snapshots of one disk one family and each its own unique id', async () => {
      const found = [];
      for (const one of [await take(freshName()), await take(freshName())]) {
        found.push(await subject.store.get(one.snapshotId));
      }
      expect(found[0]?.familyId).toBe(found[1]?.familyId);
      expect(found[0]?.uniqueId).not.toBe(found[1]?.uniqueId);
    });

    it('keeps the old content under a name that exists', async () => {
      const name = freshName();
      const first = await take(name);
      const before = await subject.store.get(first.snapshotId);
      await take(name);
      expect(await subject.store.get(first.snapshotId)).toEqual(before);
    });

    it('removes, and finds nothing to remove fine', async () => {
      const { snapshotId } = await take(freshName());
      await subject.store.remove(snapshotId);
      expect(await subject.store.get(snapshotId)).toBeUndefined();
      await subject.store.remove(snapshotId);
    });
  });
}

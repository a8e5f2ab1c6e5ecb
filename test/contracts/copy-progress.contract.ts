import { beforeEach, describe, expect, it } from 'vitest';
import type { ManifestDisk } from '../../lib/catalog/manifest.ts';
import type { CopyAttempt, CopyKey, CopyProgress } from '../../lib/ports/copy-progress.ts';
import { samplePoint } from '../fakes/sample-point.ts';

const point = samplePoint();
const [first, second] = point.disks;
if (first?.snapshot === undefined || second === undefined) throw new Error('no sample');

const COPY: CopyKey = { vmKey: point.vmKey, pointId: point.pointId, target: 'paired' };
const OTHER: CopyKey = { ...COPY, target: 'paired-2' };

const disk: ManifestDisk = {
  diskKey: first.diskKey,
  lun: first.lun,
  sizeBytes: first.sizeBytes,
  chainId: 'chain',
  blobPath: 'a/b/chain.vhd',
  blobSnapshot: '2026-11-23T18:15:09.0000001Z',
  etagAtSeal: '0x8D',
  kind: 'base',
  baseReason: 'firstCopy',
  mover: 'server',
  source: {
    snapshotId: first.snapshot.snapshotId,
    uniqueId: first.snapshot.uniqueId,
    familyId: first.snapshot.familyId,
    timeCreatedUtc: first.snapshot.timeCreatedUtc,
  },
  digest: { algorithm: 'sum-sha256-4k', segmentBytes: 4096, segments: ['0'.repeat(64)] },
  proof: 'byDiff',
  copiedBytes: 7,
};

const attempt = (overrides: Partial<CopyAttempt> = {}): CopyAttempt => ({
  diskKey: first.diskKey,
  attempt: '00000a',
  runId: 'replicate-1',
  chainId: 'chain',
  kind: 'increment',
  previous: disk,
  mover: 'server',
  verified: true,
  segmentBytes: 1024 ** 3,
  lineage: '00000a',
  clean: true,
  ...overrides,
});

const segment = (index: number) => ({
  index,
  sum: index.toString(16).padStart(64, '0'),
  copiedBytes: index * 512,
  writtenRanges: 1,
  clearedRanges: 0,
});

/** What every `CopyProgress` keeps. */
export const describeCopyProgress = (name: string, create: () => Promise<CopyProgress>): void => {
  describe(`copy progress: ${name}`, () => {
    let progress: CopyProgress;
    beforeEach(async () => {
      progress = await create();
    });

    it('answers what was put last, for each copy and disk on its own', async () => {
      expect(await progress.getAttempt(COPY, first.diskKey)).toBeUndefined();
      await progress.putAttempt(COPY, attempt());
      await progress.putAttempt(COPY, attempt({ attempt: '00000b', moverReason: 'refused' }));
      await progress.putAttempt(COPY, attempt({ diskKey: second.diskKey }));
      expect(await progress.getAttempt(COPY, first.diskKey)).toEqual(
        attempt({ attempt: '00000b', moverReason: 'refused' }),
      );
      expect(await progress.getAttempt(OTHER, first.diskKey)).toBeUndefined();
    });

    it('lists the segments of one lineage in order, also beyond nine', async () => {
      for (const index of [10, 2, 0, 100]) {
        await progress.putSegment(COPY, first.diskKey, '00000a', segment(index));
      }
      await progress.putSegment(COPY, first.diskKey, '00000b', segment(1));
      await progress.putSegment(COPY, second.diskKey, '00000a', segment(3));
      await progress.putSegment(COPY, first.diskKey, '00000a', segment(2));
      expect(await progress.listSegments(COPY, first.diskKey, '00000a')).toEqual(
        [0, 2, 10, 100].map(segment),
      );
    });

    it('keeps sealed disks, and forgets one copy without touching another', async () => {
      for (const copy of [COPY, OTHER]) {
        await progress.putSealedDisk(copy, disk);
        await progress.putAttempt(copy, attempt());
        await progress.putSegment(copy, first.diskKey, '00000a', segment(1));
      }
      expect(await progress.getSealedDisk(COPY, first.diskKey)).toEqual(disk);
      await progress.forget(COPY);
      await progress.forget(COPY);
      expect(await progress.getSealedDisk(COPY, first.diskKey)).toBeUndefined();
      expect(await progress.getAttempt(COPY, first.diskKey)).toBeUndefined();
      expect(await progress.listSegments(COPY, first.diskKey, '00000a')).toEqual([]);
      expect(await progress.getSealedDisk(OTHER, first.diskKey)).toEqual(disk);
      expect(await progress.listSegments(OTHER, first.diskKey, '00000a')).toHaveLength(1);
    });

    it('counts the holders of a grant that are left, each once', async () => {
      const { snapshotId } = disk.source;
      await progress.holdGrant(snapshotId, 'replicate~a');
      await progress.holdGrant(snapshotId, 'replicate~a');
      await progress.holdGrant(snapshotId, 'replicate~b');
      expect(await progress.dropGrant(snapshotId, 'replicate~b')).toBe(1);
      expect(await progress.dropGrant(snapshotId, 'replicate~a')).toBe(0);
      expect(await progress.dropGrant(snapshotId, 'replicate~a')).toBe(0);
    });

    it('may be prepared twice', async () => {
      await progress.prepare();
      await progress.prepare();
    });
  });
};

import { describe, expect, test } from 'vitest';
import type { ManifestDisk } from '../../../lib/catalog/manifest.ts';
import { type ChainFacts, decideChain } from '../../../lib/copy/decide-chain.ts';
import { samplePoint } from '../../fakes/sample-point.ts';

const TIB = 1024 ** 4;
const [before, now] = [samplePoint({}, 0), samplePoint({}, 1)];
const disk = now.disks[0];
const earlier = before.disks[0];
if (disk?.snapshot === undefined || earlier?.snapshot === undefined) throw new Error('no sample');
const { snapshot } = disk;
const source = earlier.snapshot;

const headDisk: ManifestDisk = {
  diskKey: disk.diskKey,
  lun: disk.lun,
  sizeBytes: disk.sizeBytes,
  chainId: 'chain-1',
  blobPath: 'vm/disk/chain-1.vhd',
  blobSnapshot: '2026-11-23T18:15:09.0000000Z',
  etagAtSeal: '0x1',
  kind: 'base',
  mover: 'server',
  source: {
    snapshotId: source.snapshotId,
    uniqueId: source.uniqueId,
    familyId: source.familyId,
    timeCreatedUtc: source.timeCreatedUtc,
  },
  proof: 'none',
  copiedBytes: 0,
};
const stamp = {
  deploymentId: 'd',
  pointId: before.pointId,
  diskKey: disk.diskKey,
  attempt: '000001',
};
const chain = {
  blobPath: headDisk.blobPath,
  chainId: 'chain-1',
  sizeBytes: disk.sizeBytes + 512,
  etag: '0x1',
  stamp,
  snapshots: [{ blobSnapshot: headDisk.blobSnapshot, stamp }],
};
const head = { pointId: before.pointId, diskUniqueId: disk.diskUniqueId, disk: headDisk };
const facts: ChainFacts = {
  pointId: now.pointId,
  disk,
  snapshot,
  head,
  chains: [chain],
  previousSource: { ...headDisk.source, sizeBytes: disk.sizeBytes },
  diffRefused: false,
};
const newChain = now.pointId.slice(2);

describe('decideChain', () => {
  test('goes on with the chain while everything is as the manifest says', () => {
    expect(decideChain(facts)).toEqual({
      kind: 'increment',
      chainId: 'chain-1',
      previous: headDisk,
    });
  });

  test('a source that was re-created at another time of the same text form is the same', () => {
    const offset = { ...headDisk.source, timeCreatedUtc: '2026-11-23T20:15:01+02:00' };
    expect(
      decideChain({ ...facts, previousSource: { ...offset, sizeBytes: disk.sizeBytes } }),
    ).toMatchObject({ kind: 'increment' });
  });

  test.each<[string, Partial<ChainFacts>]>([
    ['firstCopy', { head: undefined, chains: [] }],
    ['headUnreadable', { head: 'unreadable' }],
    ['headMissing', { chains: [] }],
    ['targetRolledBack', { chains: [{ ...chain, snapshots: [] }], disk }],
    [
      'targetRolledBack',
      {
        chains: [
          {
            ...chain,
            snapshots: [
              {
                blobSnapshot: headDisk.blobSnapshot,
                stamp: { ...stamp, pointId: samplePoint({}, 5).pointId },
              },
            ],
          },
        ],
      },
    ],
    ['olderThanHead', { pointId: before.pointId }],
    ['diskReplaced', { head: { ...head, diskUniqueId: 'another' } }],
    ['familyChanged', { snapshot: { ...snapshot, familyId: 'another' } }],
    ['previousSourceGone', { previousSource: undefined }],
    [
      'previousSourceReplaced',
      { previousSource: { ...headDisk.source, uniqueId: 'another', sizeBytes: 1 } },
    ],
    ['diffRefused', { diffRefused: true }],
    ['sourceShrank', { disk: { ...disk, sizeBytes: disk.sizeBytes - 512 } }],
    ['sourceSizeCrossed4TiB', { disk: { ...disk, sizeBytes: 5 * TIB } }],
  ])('begins a new chain because of %s', (reason, change) => {
    const decision = decideChain({ ...facts, ...change });
    expect(decision).toMatchObject({ kind: 'base', reason });
  });

  test('names a new chain after its first point', () => {
    expect(decideChain({ ...facts, head: undefined })).toMatchObject({ chainId: newChain });
  });

  test('uses up the blob of an abandoned base, but never one with snapshots', () => {
    const abandoned = { ...chain, chainId: 'left', snapshots: [] };
    expect(decideChain({ ...facts, head: undefined, chains: [chain, abandoned] })).toMatchObject({
      chainId: 'left',
    });
    const sealedBefore = { ...chain, chainId: newChain };
    expect(decideChain({ ...facts, head: undefined, chains: [chain, sealedBefore] })).toMatchObject(
      { chainId: `${newChain}-2` },
    );
  });

  test('does not use an abandoned blob that is larger than the disk', () => {
    const abandoned = { ...chain, snapshots: [], sizeBytes: disk.sizeBytes + 1024 };
    expect(decideChain({ ...facts, head: undefined, chains: [abandoned] })).toMatchObject({
      chainId: newChain,
    });
  });
});

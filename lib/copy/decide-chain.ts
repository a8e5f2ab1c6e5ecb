import type { ManifestDisk } from '../catalog/manifest.ts';
import type { DiskSnapshot, PointDisk } from '../catalog/restore-point.ts';
import type { ChainBlob } from '../ports/replica-store.ts';
import type { SnapshotFacts } from '../ports/snapshot-reader.ts';

/** Why a copy is a base: a whole copy that begins a chain. */
export type BaseReason =
  | 'firstCopy'
  | 'headUnreadable'
  | 'headMissing'
  | 'headDamaged'
  | 'targetRolledBack'
  | 'olderThanHead'
  | 'diskReplaced'
  | 'familyChanged'
  | 'previousSourceGone'
  | 'previousSourceReplaced'
  | 'diffRefused'
  | 'sourceShrank'
  | 'sourceSizeCrossed4TiB';

/** The newest sealed copy of the disk in the target, as its manifest tells. */
export interface ChainHead {
  readonly pointId: string;
  readonly diskUniqueId: string;
  readonly disk: ManifestDisk;
  /** A verification found that the copy is not what was sealed: its chain is not built upon. */
  readonly isDamaged?: boolean;
}

export interface ChainFacts {
  readonly pointId: string;
  readonly disk: PointDisk;
  readonly snapshot: DiskSnapshot;
  /** `unreadable`: there is a newest manifest, but it is corrupt. */
  readonly head: ChainHead | 'unreadable' | undefined;
  /** What the container holds of this disk. */
  readonly chains: readonly ChainBlob[];
  /** The managed snapshot that the head was copied from, if it still exists. */
  readonly previousSource: SnapshotFacts | undefined;
  /** The platform was asked to compare the two snapshots, and would not. */
  readonly diffRefused: boolean;
}

export type ChainDecision =
  | {
      readonly kind: 'base';
      readonly reason: BaseReason;
      readonly chainId: string;
    }
  | {
      readonly kind: 'increment';
      readonly chainId: string;
      readonly previous: ManifestDisk;
    };

/** Diffs do not reach over a resize past 4 TiB (Azure's "Restrictions of incremental snapshots"). */
const DIFF_BOUNDARY_BYTES = 4 * 1024 ** 4;

/** Whether the copy goes on with the disk's chain or begins a new one, and why. Pure. */
export const decideChain = (facts: ChainFacts): ChainDecision => {
  const { head } = facts;
  if (head === undefined) return baseBecause('firstCopy', facts);
  if (head === 'unreadable') return baseBecause('headUnreadable', facts);
  const blob = facts.chains.find((chain) => chain.chainId === head.disk.chainId);
  const reason = reasonAgainstIncrement(facts, head, blob);
  if (reason !== undefined) return baseBecause(reason, facts);
  return { kind: 'increment', chainId: head.disk.chainId, previous: head.disk };
};

const reasonAgainstIncrement = (
  { pointId, disk, snapshot, previousSource, diffRefused }: ChainFacts,
  head: ChainHead,
  blob: ChainBlob | undefined,
): BaseReason | undefined => {
  const sealed = blob?.snapshots.find((one) => one.blobSnapshot === head.disk.blobSnapshot);
  if (blob === undefined) return 'headMissing';
  if (head.isDamaged === true) return 'headDamaged';
  if (sealed === undefined || sealed.stamp?.pointId !== head.pointId) return 'targetRolledBack';
  // Point ids begin with their time: they sort by it.
  if (pointId <= head.pointId) return 'olderThanHead';
  if (head.diskUniqueId !== disk.diskUniqueId) return 'diskReplaced';
  if (head.disk.source.familyId !== snapshot.familyId) return 'familyChanged';
  if (previousSource === undefined) return 'previousSourceGone';
  if (
    previousSource.uniqueId !== head.disk.source.uniqueId ||
    previousSource.familyId !== head.disk.source.familyId ||
    Date.parse(previousSource.timeCreatedUtc) !== Date.parse(head.disk.source.timeCreatedUtc)
  ) {
    return 'previousSourceReplaced';
  }
  if (disk.sizeBytes < head.disk.sizeBytes) return 'sourceShrank';
  if (head.disk.sizeBytes <= DIFF_BOUNDARY_BYTES && disk.sizeBytes > DIFF_BOUNDARY_BYTES) {
    return 'sourceSizeCrossed4TiB';
  }
  return diffRefused ? 'diffRefused' : undefined;
};

/**
 * A blob without snapshots is what an abandoned base left: it is used up before another one is
 * made. Else the chain is named after its first point; the number only counts when that point was
 * copied before, into a chain that is not good any more.
 */
const baseBecause = (reason: BaseReason, { chains, pointId, disk }: ChainFacts): ChainDecision => {
  const abandoned = chains.find(
    (chain) => chain.snapshots.length === 0 && chain.sizeBytes <= disk.sizeBytes + 512,
  );
  if (abandoned !== undefined) return { kind: 'base', reason, chainId: abandoned.chainId };
  const name = pointId.slice(2);
  const taken = new Set(chains.map((chain) => chain.chainId));
  let chainId = name;
  for (let number = 2; taken.has(chainId); number += 1) chainId = `${name}-${number}`;
  return { kind: 'base', reason, chainId };
};

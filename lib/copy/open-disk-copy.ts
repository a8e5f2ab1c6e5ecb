import type { Manifest } from '../catalog/manifest.ts';
import type { PointDisk, RestorePoint } from '../catalog/restore-point.ts';
import { chainBlobPath } from '../catalog/storage-layout.ts';
import { MalformedDataError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { CopyAttempt } from '../ports/copy-progress.ts';
import type { ChainBlob } from '../ports/replica-store.ts';
import type { ReplicaTarget } from '../ports/replica-target.ts';
import {
  type CopyPorts,
  type DiskCopyInput,
  findPointDisk,
  findRecordedPoint,
  findTarget,
  LARGEST_DISK_BYTES,
} from './copy-ports.ts';
import { type ChainDecision, type ChainHead, decideChain } from './decide-chain.ts';
import { takeOverChain } from './take-over-chain.ts';

export interface OpenedDiskCopy {
  readonly attempt: string;
  readonly chainId: string;
  readonly kind: 'base' | 'increment';
  readonly baseReason?: string;
  readonly mover: 'streamed' | 'server';
  readonly sizeBytes: number;
}

/**
 * Decides how the disk is copied, and takes its chain's blob over: earlier attempts can write no
 * more. Each call is a new attempt, except when the disk is sealed already: then there is nothing
 * left to do, and the attempt that did it is answered.
 */
export async function openDiskCopy(
  ports: CopyPorts,
  input: DiskCopyInput,
): Promise<Outcome<OpenedDiskCopy>> {
  const { progress, snapshots, events } = ports;
  const { runId, diskKey } = input;
  const target = findTarget(ports, input.target);
  if (!target.ok) return target;
  const point = await findRecordedPoint(ports, input);
  if (!point.ok) return point;
  const disk = findPointDisk(point.value, diskKey);
  if (!disk.ok) return disk;
  const { snapshot, sizeBytes } = disk.value;
  if (sizeBytes > LARGEST_DISK_BYTES) {
    return refused(
      'DiskTooLarge',
      `Disk ${disk.value.name} has ${sizeBytes} bytes; a page blob holds ${LARGEST_DISK_BYTES}. Leave it out of the replica's policy.`,
      disk.value.diskId,
    );
  }

  const earlier = await progress.getAttempt(input, diskKey);
  if (earlier !== undefined && (await isSealed(ports, target.value, input))) {
    return done(opened(earlier, sizeBytes));
  }

  const facts = await snapshots.describe(snapshot.snapshotId);
  if (facts === undefined || facts.uniqueId !== snapshot.uniqueId) {
    return refused(
      facts === undefined ? 'SourceSnapshotGone' : 'SourceSnapshotReplaced',
      `Snapshot ${snapshot.name} of point ${input.pointId} ${facts === undefined ? 'does not exist any more' : 'is not the one that the point recorded'}. The point cannot be copied.`,
      snapshot.snapshotId,
    );
  }

  const { decision, chains } = await decide(ports, target.value, point.value, {
    ...disk.value,
    snapshot,
  });
  // Noted before the first read opens a grant, so that a dead run's grant is found and closed.
  const read = [snapshot.snapshotId];
  if (decision.kind === 'increment') read.push(decision.previous.source.snapshotId);
  for (const snapshotId of read) {
    await ports.catalog.noteMade({
      runId,
      kind: 'sasGrant',
      resourceId: snapshotId,
      state: 'made',
      sinceUtc: ports.clock.now().toISOString(),
    });
    await progress.holdGrant(snapshotId, runId);
  }

  const attempt = await takeOverChain(ports, target.value, input, {
    earlier,
    decision,
    chain: chains.find((one) => one.chainId === decision.chainId),
    sizeBytes,
    deploymentId: point.value.deploymentId,
    blobPath: chainBlobPath(input.vmKey, diskKey, decision.chainId),
  });
  const answer = opened(attempt, sizeBytes);
  events.emit('DiskCopyOpened', {
    ...input,
    ...answer,
    resumed: attempt.lineage !== attempt.attempt,
  });
  return done(answer);
}

const opened = (attempt: CopyAttempt, sizeBytes: number): OpenedDiskCopy => ({
  attempt: attempt.attempt,
  chainId: attempt.chainId,
  kind: attempt.kind,
  ...(attempt.baseReason === undefined ? {} : { baseReason: attempt.baseReason }),
  mover: attempt.mover,
  sizeBytes,
});

async function isSealed(
  { progress }: CopyPorts,
  target: ReplicaTarget,
  input: DiskCopyInput,
): Promise<boolean> {
  const sealed = await progress.getSealedDisk(input, input.diskKey);
  if (sealed === undefined) return false;
  const replica = await target.replicas.openSealed(sealed.blobPath, sealed.blobSnapshot);
  return replica?.stamp?.pointId === input.pointId;
}

async function decide(
  { snapshots }: CopyPorts,
  target: ReplicaTarget,
  point: RestorePoint,
  disk: PointDisk & { readonly snapshot: NonNullable<PointDisk['snapshot']> },
): Promise<{ readonly decision: ChainDecision; readonly chains: readonly ChainBlob[] }> {
  const head = await findHead(target, point.vmKey, disk.diskKey);
  const chains = await target.replicas.listChains(point.vmKey, disk.diskKey);
  const previousSource =
    head === undefined || head === 'unreadable'
      ? undefined
      : await snapshots.describe(head.disk.source.snapshotId);
  const decision = decideChain({
    pointId: point.pointId,
    disk,
    snapshot: disk.snapshot,
    head,
    chains,
    previousSource,
  });
  return { decision, chains };
}

/** The disk in the newest manifest of the VM: the container tells where a chain ends, no table. */
async function findHead(
  target: ReplicaTarget,
  vmKey: string,
  diskKey: string,
): Promise<ChainHead | 'unreadable' | undefined> {
  const newest = (await target.manifests.list(vmKey)).at(-1);
  if (newest === undefined) return undefined;
  let manifest: Manifest | undefined;
  try {
    manifest = await target.manifests.read(newest);
  } catch (error) {
    if (error instanceof MalformedDataError) return 'unreadable';
    throw error;
  }
  const disk = manifest?.disks.find((one) => one.diskKey === diskKey);
  const pointDisk = manifest?.point.disks.find((one) => one.diskKey === diskKey);
  if (disk === undefined || pointDisk === undefined) return undefined;
  return { pointId: newest.pointId, diskUniqueId: pointDisk.diskUniqueId, disk };
}

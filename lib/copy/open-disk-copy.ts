import type { Manifest } from '../catalog/manifest.ts';
import type { RestorePoint } from '../catalog/restore-point.ts';
import { chainBlobPath } from '../catalog/storage-layout.ts';
import { PAGE_BYTES } from '../digest/page-sum.ts';
import { BackupError, MalformedDataError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { CopyAttempt } from '../ports/copy-progress.ts';
import type { ChainBlob } from '../ports/replica-store.ts';
import type { ReplicaTarget } from '../ports/replica-target.ts';
import type { OpenSnapshot } from '../ports/snapshot-reader.ts';
import {
  type CopyPorts,
  type DiskCopyInput,
  findDiskToCopy,
  grantHolderOf,
  LARGEST_DISK_BYTES,
  type SnapshottedDisk,
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
  const { diskKey } = input;
  const found = await findDiskToCopy(ports, input);
  if (!found.ok) return found;
  const { target, point, disk } = found.value;
  const { snapshot, sizeBytes } = disk;
  if (sizeBytes > LARGEST_DISK_BYTES) {
    return refused(
      'DiskTooLarge',
      `Disk ${disk.name} has ${sizeBytes} bytes; a page blob holds ${LARGEST_DISK_BYTES}. Leave it out of the replica's policy.`,
      disk.diskId,
    );
  }

  const earlier = await progress.getAttempt(input, diskKey);
  if (earlier !== undefined && (await isSealed(ports, target, input))) {
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

  const { decision, chains } = await decide(ports, target, point, disk, input);
  const attempt = await takeOverChain(ports, target, input, {
    earlier,
    decision,
    chain: chains.find((one) => one.chainId === decision.chainId),
    sizeBytes,
    deploymentId: point.deploymentId,
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
  ports: CopyPorts,
  target: ReplicaTarget,
  { vmKey, pointId }: RestorePoint,
  disk: SnapshottedDisk,
  input: DiskCopyInput,
): Promise<{ readonly decision: ChainDecision; readonly chains: readonly ChainBlob[] }> {
  const { snapshots } = ports;
  const { snapshot } = disk;
  const head = await findHead(ports, target, vmKey, disk.diskKey);
  const chains = await target.replicas.listChains(vmKey, disk.diskKey);
  const previousSource =
    head === undefined || head === 'unreadable'
      ? undefined
      : await snapshots.describe(head.disk.source.snapshotId);
  const facts = { pointId, disk, snapshot, head, chains, previousSource, diffRefused: false };
  await holdGrant(ports, input, snapshot.snapshotId);
  const decision = decideChain(facts);
  if (decision.kind === 'base') return { decision, chains };
  const { source, sizeBytes } = decision.previous;
  await holdGrant(ports, input, source.snapshotId);
  const diffRefused = await isDiffRefused(
    snapshots.open(snapshot.snapshotId, disk.sizeBytes),
    snapshots.open(source.snapshotId, sizeBytes),
  );
  return { decision: decideChain({ ...facts, diffRefused }), chains };
}

/** Asked of the first page: whether two snapshots can be compared does not depend on the window. */
async function isDiffRefused(source: OpenSnapshot, previous: OpenSnapshot): Promise<boolean> {
  try {
    await source.listChanged(previous, { start: 0, end: Math.min(PAGE_BYTES, previous.sizeBytes) });
    return false;
  } catch (error) {
    if (error instanceof BackupError && error.errorCode === 'DiffRefused') return true;
    throw error;
  }
}

/** Noted before the first read opens a grant, so that a dead run's grant is found and closed. */
async function holdGrant(
  { catalog, progress, clock }: CopyPorts,
  input: DiskCopyInput,
  snapshotId: string,
): Promise<void> {
  await catalog.noteMade({
    runId: input.runId,
    kind: 'sasGrant',
    resourceId: snapshotId,
    state: 'made',
    sinceUtc: clock.now().toISOString(),
  });
  await progress.holdGrant(snapshotId, grantHolderOf(input));
}

/** The disk in the newest manifest of the VM: the container tells where a chain ends, no table. */
async function findHead(
  { catalog }: CopyPorts,
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
  const { pointId } = newest;
  const copy = await catalog.getCopy(vmKey, pointId, target.name);
  const isDamaged = copy?.value.state === 'damaged';
  return { pointId, diskUniqueId: pointDisk.diskUniqueId, disk, isDamaged };
}

import type { ManifestDisk } from '../catalog/manifest.ts';
import { chainBlobPath } from '../catalog/storage-layout.ts';
import { segmentCountOf } from '../digest/segments.ts';
import { ConflictError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { CopyAttempt, SegmentProgress } from '../ports/copy-progress.ts';
import { type CopyPorts, type DiskCopyInput, findDiskToCopy } from './copy-ports.ts';
import { superseded } from './copy-slice.ts';
import { leaseIdOf } from './lease-id.ts';
import { createVhdFooter } from './vhd-footer.ts';

export interface SealDiskInput extends DiskCopyInput {
  readonly attempt: string;
  readonly chainId: string;
}

/** Writes the VHD footer and takes the blob snapshot that makes the disk's copy immutable. */
export async function sealDisk(
  ports: CopyPorts,
  input: SealDiskInput,
): Promise<Outcome<{ readonly blobSnapshot: string }>> {
  const { progress, events } = ports;
  const { diskKey, pointId } = input;
  const found = await findDiskToCopy(ports, input);
  if (!found.ok) return found;
  const { target, point, disk } = found.value;
  const attempt = await progress.getAttempt(input, diskKey);
  if (attempt?.attempt !== input.attempt) return superseded(input);
  const sealed = await progress.getSealedDisk(input, diskKey);
  if (sealed !== undefined && (await isThere(sealed, target.replicas))) {
    return done({ blobSnapshot: sealed.blobSnapshot });
  }

  const { sizeBytes, snapshot, lun } = disk;
  const segments = await progress.listSegments(input, diskKey, attempt.lineage);
  const needed = segmentCountOf(sizeBytes, attempt.segmentBytes);
  const indices = new Set(segments.map((segment) => segment.index));
  const missing = Array.from({ length: needed }, (_, index) => index).find(
    (index) => !indices.has(index),
  );
  if (missing !== undefined) {
    return refused(
      'CopyIncomplete',
      `Segment ${missing} of ${needed} of disk ${diskKey} is not copied: it cannot be sealed.`,
      diskKey,
    );
  }

  const blobPath = chainBlobPath(input.vmKey, diskKey, attempt.chainId);
  const writer = target.replicas.openForWriting(
    blobPath,
    leaseIdOf(pointId, diskKey, attempt.attempt),
  );
  try {
    await writer.write(sizeBytes, createVhdFooter(sizeBytes, attempt.chainId));
    const { deploymentId } = point;
    const seal = await writer.seal({ deploymentId, pointId, diskKey, attempt: attempt.attempt });
    await progress.putSealedDisk(input, {
      diskKey,
      lun,
      sizeBytes,
      chainId: attempt.chainId,
      blobPath,
      blobSnapshot: seal.blobSnapshot,
      etagAtSeal: seal.etag,
      kind: attempt.kind,
      ...(attempt.baseReason === undefined ? {} : { baseReason: attempt.baseReason }),
      mover: attempt.mover,
      source: {
        snapshotId: snapshot.snapshotId,
        uniqueId: snapshot.uniqueId,
        familyId: snapshot.familyId,
        timeCreatedUtc: snapshot.timeCreatedUtc,
      },
      ...proofOf(attempt, segments),
      copiedBytes: segments.reduce((sum, segment) => sum + segment.copiedBytes, 0),
    });
    events.emit('DiskSealed', { ...input, blobSnapshot: seal.blobSnapshot });
    return done({ blobSnapshot: seal.blobSnapshot });
  } catch (error) {
    if (error instanceof ConflictError) return superseded(input, error);
    throw error;
  }
}

const proofOf = (
  attempt: CopyAttempt,
  segments: readonly SegmentProgress[],
): Pick<ManifestDisk, 'digest' | 'proof'> => {
  const sums = segments
    .toSorted((a, b) => a.index - b.index)
    .flatMap((segment) => (segment.sum === undefined ? [] : [segment.sum]));
  if (!attempt.verified || sums.length !== segments.length) return { proof: 'none' };
  return {
    proof: 'byDiff',
    digest: { algorithm: 'sum-sha256-4k', segmentBytes: attempt.segmentBytes, segments: sums },
  };
};

const isThere = async (
  disk: ManifestDisk,
  replicas: { openSealed(path: string, snapshot: string): Promise<unknown> },
): Promise<boolean> => (await replicas.openSealed(disk.blobPath, disk.blobSnapshot)) !== undefined;

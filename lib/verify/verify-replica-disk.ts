import type { Manifest } from '../catalog/manifest.ts';
import { manifestPath } from '../catalog/storage-layout.ts';
import { addSums, createPageSum, PAGE_BYTES, ZERO_SUM } from '../digest/page-sum.ts';
import { segmentRangeOf } from '../digest/segments.ts';
import { MalformedDataError } from '../errors.ts';
import type { EventSink } from '../events.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { SealedReplica } from '../ports/replica-store.ts';
import type { ReplicaTargets } from '../ports/replica-target.ts';
import type { Clock } from '../time/clock.ts';
import { type ByteRange, lengthOf, splitRange, widenRanges } from '../transfer/byte-ranges.ts';
import { type Pace, runAdaptive } from '../transfer/run-adaptive.ts';

export interface VerifyPorts {
  readonly targets: ReplicaTargets;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly options: VerifyOptions;
}

export interface VerifyOptions {
  readonly requestBytes: number;
  /** The segment that is begun is finished. */
  readonly timeBudgetMs: number;
  readonly pace: Pace;
}

export const DEFAULT_VERIFY_OPTIONS: VerifyOptions = {
  requestBytes: 4 * 1024 * 1024,
  timeBudgetMs: 240_000,
  pace: { startWith: 4, atMost: 8, maxTries: 8, retryDelayMs: 250 },
};

export interface VerifyReplicaDiskInput {
  readonly target: string;
  readonly vmKey: string;
  readonly pointId: string;
  readonly diskKey: string;
  /** 0, or where the last call ended. */
  readonly fromOffset: number;
  readonly timeBudgetMs?: number;
}

export interface VerifiedSlice {
  /** Where the next call begins; null when the disk is verified. */
  readonly nextOffset: number | null;
  readonly readBytes: number;
  /** `none`: the copy was made without a digest, so nothing can be compared. */
  readonly proof: 'byDiff' | 'audited' | 'none';
}

/**
 * Reads the sealed copy of a disk and compares its segment sums with the manifest's. Needs the
 * container only. A difference is a refusal `ReplicaDamaged`.
 */
export async function verifyReplicaDisk(
  ports: VerifyPorts,
  input: VerifyReplicaDiskInput,
): Promise<Outcome<VerifiedSlice>> {
  const { vmKey, pointId, diskKey } = input;
  const target = ports.targets.find(input.target);
  if (target === undefined) {
    return refused('TargetUnknown', `There is no replica target '${input.target}'.`, input.target);
  }
  const path = manifestPath(vmKey, pointId);
  let manifest: Manifest | undefined;
  try {
    manifest = await target.manifests.read({ vmKey, pointId });
  } catch (error) {
    if (!(error instanceof MalformedDataError)) throw error;
    return refused('ManifestCorrupt', error.message, path);
  }
  const disk = manifest?.disks.find((one) => one.diskKey === diskKey);
  if (disk === undefined) {
    return refused(
      'PointNotSealed',
      `Target '${input.target}' has no sealed copy of disk ${diskKey} of point ${pointId}.`,
      diskKey,
    );
  }
  const replica = await target.replicas.openSealed(disk.blobPath, disk.blobSnapshot);
  if (replica === undefined || replica.sizeBytes < disk.sizeBytes) {
    return damaged(
      input,
      `its blob snapshot ${replica === undefined ? 'is gone' : 'is too short'}`,
    );
  }
  if (disk.digest === undefined) return done({ nextOffset: null, readBytes: 0, proof: 'none' });

  const { segmentBytes, segments } = disk.digest;
  const endsAtMs = ports.clock.monotonicMs() + (input.timeBudgetMs ?? ports.options.timeBudgetMs);
  let readBytes = 0;
  let index = Math.floor(input.fromOffset / segmentBytes);
  while (index * segmentBytes < disk.sizeBytes) {
    const window = segmentRangeOf(index, disk.sizeBytes, segmentBytes);
    const read = await sumSegment(replica, window, disk.sizeBytes, ports);
    readBytes += read.readBytes;
    if (read.sum !== segments[index]) {
      ports.events.emit('ReplicaDamageFound', { ...input, segment: index });
      return damaged(input, `bytes ${window.start} to ${window.end} are not what was sealed`);
    }
    index += 1;
    if (ports.clock.monotonicMs() >= endsAtMs) break;
  }
  const nextOffset = index * segmentBytes;
  return done({
    nextOffset: nextOffset < disk.sizeBytes ? nextOffset : null,
    readBytes,
    proof: disk.proof,
  });
}

const damaged = (input: VerifyReplicaDiskInput, what: string): Outcome<never> =>
  refused(
    'ReplicaDamaged',
    `The copy of disk ${input.diskKey} of point ${input.pointId} in '${input.target}' is damaged: ${what}. Restore from another copy or another point.`,
    input.diskKey,
  );

async function sumSegment(
  replica: SealedReplica,
  window: ByteRange,
  sizeBytes: number,
  { clock, options }: VerifyPorts,
): Promise<{ readonly sum: string; readonly readBytes: number }> {
  const pages = widenRanges(await replica.listAllocated(window), PAGE_BYTES, sizeBytes);
  const parts = pages.flatMap((range) => splitRange(range, options.requestBytes, PAGE_BYTES));
  let sum = ZERO_SUM;
  let readBytes = 0;
  await runAdaptive(
    parts,
    async (part, signal) => {
      const bytes = new Uint8Array(lengthOf(part));
      await replica.read(part.start, bytes, signal);
      const pageSum = createPageSum();
      pageSum.add(part.start, bytes);
      sum = addSums(sum, pageSum.toHex());
      readBytes += bytes.length;
    },
    { pace: options.pace, clock },
  );
  return { sum, readBytes };
}

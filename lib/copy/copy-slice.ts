import { chainBlobPath } from '../catalog/storage-layout.ts';
import { addSums, ZERO_SUM } from '../digest/page-sum.ts';
import { segmentRangeOf } from '../digest/segments.ts';
import { ConflictError } from '../errors.ts';
import { done, type Outcome, type Refusal, refused } from '../outcome.ts';
import type { CopyAttempt, SegmentProgress } from '../ports/copy-progress.ts';
import type { ReplicaWriter } from '../ports/replica-store.ts';
import type { OpenSnapshot } from '../ports/snapshot-reader.ts';
import { type ByteRange, clipRanges, subtractRanges } from '../transfer/byte-ranges.ts';
import { type CopyPorts, type DiskCopyInput, findDiskToCopy } from './copy-ports.ts';
import { leaseIdOf } from './lease-id.ts';
import { type MoverInUse, moveSegment } from './move-segment.ts';
import { planSegment, type SegmentFacts } from './plan-segment.ts';
import { VHD_FOOTER_BYTES } from './vhd-footer.ts';

export interface CopySliceInput extends DiskCopyInput {
  readonly attempt: string;
  readonly chainId: string;
  /** Where the last slice ended; 0 for the first one. */
  readonly fromOffset: number;
  /** Default: the configured one. The segment that is begun is finished. */
  readonly timeBudgetMs?: number;
}

export interface CopiedSlice {
  /** Where the next slice begins; null when the disk is copied. */
  readonly nextOffset: number | null;
  readonly copiedBytes: number;
  readonly writtenRanges: number;
  readonly clearedRanges: number;
  readonly mover: 'streamed' | 'server';
  /** Present when the mover changed during this slice: why. */
  readonly moverChange?: string;
}

/**
 * Copies segment after segment until the time budget is used up. Finished segments are noted, so
 * that a slice that comes again does not copy them again. `CopySuperseded`: another attempt, or
 * another point, has taken the blob over.
 */
export async function copySlice(
  ports: CopyPorts,
  input: CopySliceInput,
): Promise<Outcome<CopiedSlice>> {
  const { progress, clock, events } = ports;
  const { diskKey } = input;
  const found = await findDiskToCopy(ports, input);
  if (!found.ok) return found;
  const attempt = await progress.getAttempt(input, diskKey);
  if (attempt?.attempt !== input.attempt) return superseded(input);

  const { sizeBytes, snapshot } = found.value.disk;
  const mover: MoverInUse = {
    name: attempt.mover,
    ...(attempt.moverReason === undefined ? {} : { reason: attempt.moverReason }),
  };
  const work: SegmentWork = {
    ports,
    attempt,
    mover,
    sizeBytes,
    source: ports.snapshots.open(snapshot.snapshotId, sizeBytes),
    ...(attempt.previous === undefined
      ? {}
      : {
          previous: ports.snapshots.open(
            attempt.previous.source.snapshotId,
            attempt.previous.sizeBytes,
          ),
        }),
    writer: found.value.target.replicas.openForWriting(
      chainBlobPath(input.vmKey, diskKey, attempt.chainId),
      leaseIdOf(input.pointId, diskKey, attempt.attempt),
    ),
  };

  const finished = await progress.listSegments(input, diskKey, attempt.lineage);
  const isFinished = new Set(finished.map((segment) => segment.index));
  const endsAtMs = clock.monotonicMs() + (input.timeBudgetMs ?? ports.options.timeBudgetMs);
  const total = { copiedBytes: 0, writtenRanges: 0, clearedRanges: 0 };
  let index = Math.floor(input.fromOffset / attempt.segmentBytes);
  try {
    for (; index * attempt.segmentBytes < sizeBytes; index += 1) {
      if (isFinished.has(index)) continue;
      const segment = await copySegment(index, work);
      await progress.putSegment(input, diskKey, attempt.lineage, segment);
      total.copiedBytes += segment.copiedBytes;
      total.writtenRanges += segment.writtenRanges;
      total.clearedRanges += segment.clearedRanges;
      if (clock.monotonicMs() >= endsAtMs) {
        index += 1;
        break;
      }
    }
  } catch (error) {
    if (error instanceof ConflictError) return superseded(input, error);
    throw error;
  } finally {
    // Also when a later segment failed: the next slice need not be refused again.
    await noteMover(input, ports, attempt, mover);
  }
  const nextOffset = index * attempt.segmentBytes;
  const slice: CopiedSlice = {
    nextOffset: nextOffset < sizeBytes ? nextOffset : null,
    ...total,
    mover: mover.name,
    ...(mover.name === attempt.mover ? {} : { moverChange: mover.reason ?? 'refused' }),
  };
  events.emit('SliceCopied', { ...input, ...slice });
  return done(slice);
}

interface SegmentWork {
  readonly ports: CopyPorts;
  readonly attempt: CopyAttempt;
  readonly mover: MoverInUse;
  readonly sizeBytes: number;
  readonly source: OpenSnapshot;
  readonly previous?: OpenSnapshot;
  readonly writer: ReplicaWriter;
}

async function copySegment(index: number, work: SegmentWork): Promise<SegmentProgress> {
  const { attempt, source, previous, writer, sizeBytes, ports } = work;
  const window = segmentRangeOf(index, sizeBytes, attempt.segmentBytes);
  const plan = planSegment(await gatherFacts(window, work), ports.options);
  const moved = await moveSegment(plan, {
    source,
    ...(previous === undefined ? {} : { previous }),
    writer,
    clock: ports.clock,
    options: ports.options,
    verified: attempt.verified,
    mover: work.mover,
  });
  const earlierSum = attempt.previous?.digest?.segments[index] ?? ZERO_SUM;
  return {
    index,
    ...(moved.sumChange === undefined ? {} : { sum: addSums(earlierSum, moved.sumChange) }),
    copiedBytes: moved.copiedBytes,
    writtenRanges: plan.pieces.length,
    clearedRanges: plan.clears.length,
  };
}

async function gatherFacts(window: ByteRange, work: SegmentWork): Promise<SegmentFacts> {
  const { attempt, source, previous, writer, sizeBytes } = work;
  const since = attempt.previous?.blobSnapshot;
  const dirty = attempt.clean ? [] : await writer.listDirty(window, since);
  if (previous === undefined) {
    return { window, sizeBytes, allocated: await source.listAllocated(window), dirty };
  }
  // Beyond the end of the earlier snapshot there is nothing to compare with.
  const shared = { start: window.start, end: Math.min(window.end, previous.sizeBytes) };
  const added = { start: Math.max(window.start, previous.sizeBytes), end: window.end };
  const changed = shared.start < shared.end ? await source.listChanged(previous, shared) : [];
  // The earlier copy's VHD footer lies where the disk has grown.
  const oldFooter = { start: previous.sizeBytes, end: previous.sizeBytes + VHD_FOOTER_BYTES };
  const allDirty = [
    ...dirty,
    ...(sizeBytes > previous.sizeBytes ? clipRanges([oldFooter], window) : []),
  ];
  const grown = subtractRanges([added], []);
  const unchanged = changed.length === 0 && allDirty.length === 0 && grown.length === 0;
  const allocated = unchanged ? [] : await source.listAllocated(window);
  return {
    window,
    sizeBytes,
    allocated,
    dirty: allDirty,
    change: {
      changed: [
        ...changed,
        ...grown.flatMap((range) =>
          clipRanges(allocated, range).map((part) => ({ ...part, kind: 'write' as const })),
        ),
      ],
      previousSizeBytes: previous.sizeBytes,
      previousAllocated:
        unchanged || shared.start >= shared.end ? [] : await previous.listAllocated(shared),
    },
  };
}

/** Later slices go on with the mover that works. Another attempt's row is left alone. */
async function noteMover(
  input: CopySliceInput,
  { progress, events }: CopyPorts,
  attempt: CopyAttempt,
  mover: MoverInUse,
): Promise<void> {
  if (mover.name === attempt.mover) return;
  const current = await progress.getAttempt(input, input.diskKey);
  if (current?.attempt !== attempt.attempt) return;
  const reason = mover.reason === undefined ? {} : { moverReason: mover.reason };
  await progress.putAttempt(input, { ...current, mover: mover.name, ...reason });
  events.emit('MoverChanged', { ...input, mover: mover.name, ...reason });
}

/** Another attempt, or another point, holds the lease: this one has nothing more to do. */
export const superseded = (
  input: DiskCopyInput & { readonly attempt: string },
  cause?: ConflictError,
): Refusal =>
  refused(
    'CopySuperseded',
    `Attempt ${input.attempt} at copying disk ${input.diskKey} of point ${input.pointId} was taken over by a later one${cause === undefined ? '' : ` (${cause.message})`}.`,
    input.diskKey,
  );

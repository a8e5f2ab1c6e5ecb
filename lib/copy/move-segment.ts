import { hash } from 'node:crypto';
import { addSums, createPageSum, type HexSum, subtractSums, ZERO_SUM } from '../digest/page-sum.ts';
import { BackupError } from '../errors.ts';
import type { ReplicaWriter } from '../ports/replica-store.ts';
import type { OpenSnapshot } from '../ports/snapshot-reader.ts';
import type { Clock } from '../time/clock.ts';
import { type ByteRange, lengthOf } from '../transfer/byte-ranges.ts';
import { runAdaptive } from '../transfer/run-adaptive.ts';
import type { CopyOptions } from './copy-ports.ts';
import type { Piece, SegmentPlan } from './plan-segment.ts';

export interface MoveContext {
  readonly source: OpenSnapshot;
  /** Increments only. */
  readonly previous?: OpenSnapshot;
  readonly writer: ReplicaWriter;
  readonly clock: Clock;
  readonly options: CopyOptions;
  /** Whether the new content is read and summed up. */
  readonly verified: boolean;
  readonly mover: MoverInUse;
}

/** How bytes travel; changes once, from `server` to `streamed`, when the platform will not. */
export interface MoverInUse {
  name: 'streamed' | 'server';
  /** Why `streamed` took over. */
  reason?: string;
}

export interface MovedSegment {
  /** New content minus old: to be added to the segment's earlier sum. Absent when not verified. */
  readonly sumChange?: HexSum;
  readonly copiedBytes: number;
}

type Job =
  | { readonly what: 'copy'; readonly piece: Piece }
  | { readonly what: 'clear' | 'add' | 'subtract'; readonly range: ByteRange };

/** Executes a plan. Rejects with the first error that trying again does not cure. */
export async function moveSegment(
  plan: SegmentPlan,
  context: MoveContext,
  signal?: AbortSignal,
): Promise<MovedSegment> {
  const { verified, writer } = context;
  const buffers = createBufferPool(context.options.requestBytes);
  let added = ZERO_SUM;
  let subtracted = ZERO_SUM;
  let copiedBytes = 0;

  const sumOf = async (from: OpenSnapshot, range: ByteRange, ends: AbortSignal) => {
    const bytes = buffers.take(lengthOf(range));
    try {
      await from.read(range.start, bytes, ends);
      const sum = createPageSum();
      sum.add(range.start, bytes);
      return sum.toHex();
    } finally {
      buffers.giveBack(bytes);
    }
  };

  // Sums count once a job is done, never per try.
  const work = async (job: Job, ends: AbortSignal): Promise<void> => {
    if (job.what === 'clear') return writer.clear(job.range, ends);
    if (job.what === 'copy') {
      const sum = await copyPiece(job.piece, context, buffers, ends);
      copiedBytes += lengthOf(job.piece.write);
      if (sum !== undefined) added = addSums(added, sum);
      return;
    }
    if (job.what === 'add') {
      const sum = await sumOf(context.source, job.range, ends);
      added = addSums(added, sum);
      return;
    }
    if (context.previous === undefined) throw new TypeError('A base has no earlier content');
    const sum = await sumOf(context.previous, job.range, ends);
    subtracted = addSums(subtracted, sum);
  };

  const jobs: Job[] = [
    ...plan.clears.map((range) => ({ what: 'clear' as const, range })),
    ...plan.pieces.map((piece) => ({ what: 'copy' as const, piece })),
    ...(verified ? plan.addPages.map((range) => ({ what: 'add' as const, range })) : []),
    ...(verified ? plan.subtractPages.map((range) => ({ what: 'subtract' as const, range })) : []),
  ];
  await runAdaptive(jobs, work, {
    pace: context.options.pace,
    clock: context.clock,
    ...(signal === undefined ? {} : { signal }),
  });
  return { copiedBytes, ...(verified ? { sumChange: subtractSums(added, subtracted) } : {}) };
}

/** Copies one piece, and answers the sum of its pages where they were read. */
async function copyPiece(
  piece: Piece,
  context: MoveContext,
  buffers: BufferPool,
  signal: AbortSignal,
): Promise<HexSum | undefined> {
  const { source, writer, mover, verified } = context;
  if (mover.name === 'server' && !verified) {
    if (await fetchedByServer(piece.write, undefined, context, signal)) return undefined;
  }
  const { pages, write } = piece;
  const bytes = buffers.take(lengthOf(pages));
  try {
    await source.read(pages.start, bytes, signal);
    const written = bytes.subarray(write.start - pages.start, write.end - pages.start);
    const fetched =
      mover.name === 'server' &&
      verified &&
      (await fetchedByServer(write, hash('md5', written, 'buffer'), context, signal));
    if (!fetched) await writer.write(write.start, written, signal);
    if (!verified) return undefined;
    const sum = createPageSum();
    sum.add(pages.start, bytes);
    return sum.toHex();
  } finally {
    buffers.giveBack(bytes);
  }
}

/** False when the platform will not fetch from this source: `streamed` has taken over. */
async function fetchedByServer(
  range: ByteRange,
  md5: Uint8Array | undefined,
  { source, writer, mover }: MoveContext,
  signal: AbortSignal,
): Promise<boolean> {
  const options = { signal, ...(md5 === undefined ? {} : { md5 }) };
  const url = await source.sourceUrl();
  try {
    await writer.writeFromUrl(range, url, options);
    return true;
  } catch (error) {
    if (!isSourceRefusal(error)) throw error;
    if (error.errorCode === 'CopySourceNotCopyable') return streamInstead(mover, error);
  }
  // An expired grant looks like a source that cannot be read at all: one try with another.
  try {
    await writer.writeFromUrl(range, await source.sourceUrl(url), options);
    return true;
  } catch (error) {
    if (!isSourceRefusal(error)) throw error;
    return streamInstead(mover, error);
  }
}

const isSourceRefusal = (error: unknown): error is BackupError =>
  error instanceof BackupError &&
  (error.errorCode === 'CopySourceRefused' || error.errorCode === 'CopySourceNotCopyable');

const streamInstead = (mover: MoverInUse, error: BackupError): false => {
  mover.name = 'streamed';
  mover.reason ??= error.message;
  return false;
};

interface BufferPool {
  take(lengthBytes: number): Buffer;
  giveBack(buffer: Buffer): void;
}

/** Buffers of one size, used again: a fresh 4 MiB for each request costs more than its copy. */
const createBufferPool = (sizeBytes: number): BufferPool => {
  const free: ArrayBuffer[] = [];
  return {
    take: (lengthBytes) =>
      lengthBytes > sizeBytes
        ? Buffer.from(new ArrayBuffer(lengthBytes))
        : Buffer.from(free.pop() ?? new ArrayBuffer(sizeBytes), 0, lengthBytes),
    giveBack: (buffer) => {
      if (buffer.buffer.byteLength === sizeBytes) free.push(buffer.buffer as ArrayBuffer);
    },
  };
};

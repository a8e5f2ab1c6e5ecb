import type { CopyAttempt } from '../ports/copy-progress.ts';
import type { ChainBlob, ReplicaStamp } from '../ports/replica-store.ts';
import type { ReplicaTarget } from '../ports/replica-target.ts';
import type { CopyPorts, DiskCopyInput } from './copy-ports.ts';
import type { ChainDecision } from './decide-chain.ts';
import { leaseIdOf } from './lease-id.ts';
import { VHD_FOOTER_BYTES } from './vhd-footer.ts';

/**
 * Begins an attempt: takes the blob's lease, so that every earlier writer is refused, and notes what
 * the attempt starts from. Where the lease shows that only attempts at this very copy have written
 * since, their finished segments count.
 */
export async function takeOverChain(
  { progress, randomHex, options }: CopyPorts,
  target: ReplicaTarget,
  input: DiskCopyInput,
  start: {
    readonly earlier: CopyAttempt | undefined;
    readonly decision: ChainDecision;
    /** The chain's blob as it was when it was decided; undefined when there is none. */
    readonly chain: ChainBlob | undefined;
    readonly sizeBytes: number;
    readonly deploymentId: string;
    readonly blobPath: string;
  },
): Promise<CopyAttempt> {
  const { pointId, diskKey } = input;
  const { earlier, decision, chain } = start;
  const attempt = randomHex(6);
  const previous = decision.kind === 'increment' ? decision.previous : undefined;
  const provisional: CopyAttempt = {
    diskKey,
    attempt,
    runId: input.runId,
    chainId: decision.chainId,
    kind: decision.kind,
    ...(decision.kind === 'base' ? { baseReason: decision.reason } : {}),
    ...(previous === undefined ? {} : { previous }),
    mover: options.mover === 'streamed' ? 'streamed' : 'server',
    // An increment's sum is the earlier one plus what changed: without the earlier there is none.
    verified: options.mover !== 'server' && (previous === undefined || previous.proof !== 'none'),
    segmentBytes: previous?.digest?.segmentBytes ?? options.segmentBytes,
    lineage: attempt,
    clean: false,
  };
  const candidates = [
    ...(earlier === undefined ? [] : [{ pointId, attempt: earlier.attempt }]),
    ...(chain?.stamp === undefined ? [] : [chain.stamp]),
  ];
  // Noted before the lease changes hands, so that the next attempt knows whose it may be.
  await progress.putAttempt(input, provisional);
  const stamp: ReplicaStamp = { deploymentId: start.deploymentId, pointId, diskKey, attempt };
  const begun = await target.replicas.begin(start.blobPath, {
    sizeBytes: start.sizeBytes + VHD_FOOTER_BYTES,
    leaseId: leaseIdOf(pointId, diskKey, attempt),
    knownLeaseIds: candidates.map((one) => leaseIdOf(one.pointId, diskKey, one.attempt)),
    stamp,
  });
  const resumes =
    earlier !== undefined &&
    candidates.some(
      (one) =>
        one.pointId === pointId &&
        leaseIdOf(one.pointId, diskKey, one.attempt) === begun.takenOverFrom,
    ) &&
    isSameWork(earlier, provisional);
  const final: CopyAttempt = {
    ...provisional,
    ...(resumes
      ? {
          lineage: earlier.lineage,
          clean: earlier.clean,
          mover: earlier.mover,
          ...(earlier.moverReason === undefined ? {} : { moverReason: earlier.moverReason }),
        }
      : { clean: begun.created || begun.etag === previous?.etagAtSeal }),
  };
  await progress.putAttempt(input, final);
  return final;
}

const isSameWork = (a: CopyAttempt, b: CopyAttempt): boolean =>
  a.chainId === b.chainId &&
  a.kind === b.kind &&
  a.verified === b.verified &&
  a.segmentBytes === b.segmentBytes &&
  a.previous?.blobSnapshot === b.previous?.blobSnapshot;

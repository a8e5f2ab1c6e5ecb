import { BackupError } from '../errors.ts';
import { done, type Outcome, refused } from '../outcome.ts';
import type { DiskSource } from '../ports/disk-store.ts';
import { refuseEndedRun } from './ended-run.ts';
import { makeOnce } from './make-once.ts';
import { holdManifest } from './manifest-lease.ts';
import type { RestoreDiskStep, RestoreOrigin } from './restore-plan.ts';
import type { RestorePorts, RestoreTarget, StepResult } from './restore-ports.ts';
import { findDiskOf, type RestoreSource, readRestoreSource } from './restore-source.ts';
import { isMadeBy, runTags } from './run-tags.ts';

export interface RestoreDiskInput {
  readonly runId: string;
  readonly origin: RestoreOrigin;
  readonly step: RestoreDiskStep;
  /** Whether the replica's digest was compared in this run. */
  readonly verified: boolean;
}

const scratchNameOf = (runId: string, diskKey: string): string => `${runId}/${diskKey}.vhd`;

type Scratch =
  | { readonly copied: Extract<DiskSource, { kind: 'blob' }> }
  | { readonly copiedBytes: number };

const noteScratch = (
  ports: RestorePorts,
  { runId, step }: RestoreDiskInput,
  target: RestoreTarget,
): Promise<void> =>
  ports.catalog.noteMade({
    runId,
    kind: 'scratchBlob',
    resourceId: target.scratch.resourceIdOf(scratchNameOf(runId, step.diskKey)),
    state: 'made',
    sinceUtc: ports.clock.now().toISOString(),
  });

/** Copies the sealed blob snapshot to a scratch blob, until it is there or the time is up. */
const copyToScratch = async (
  ports: RestorePorts,
  input: RestoreDiskInput,
  target: RestoreTarget,
  sealed: { readonly blobPath: string; readonly blobSnapshot: string },
): Promise<Scratch> => {
  const name = scratchNameOf(input.runId, input.step.diskKey);
  const startedMs = ports.clock.monotonicMs();
  await noteScratch(ports, input, target);
  let copy = await target.scratch.copyFromSnapshot(name, sealed);
  let heldAtMs = startedMs;
  while (copy.state === 'copying') {
    const nowMs = ports.clock.monotonicMs();
    if (nowMs - startedMs > ports.options.timeBudgetMs) return { copiedBytes: copy.copiedBytes };
    if (nowMs - heldAtMs > 20_000) {
      await holdManifest(ports, input.origin);
      heldAtMs = nowMs;
    }
    await ports.clock.sleep(ports.options.pollIntervalMs);
    copy =
      (await target.scratch.inspect(name)) ?? (await target.scratch.copyFromSnapshot(name, sealed));
  }
  if (copy.state === 'failed') {
    // The next try begins a new copy.
    await target.scratch.remove(name);
    throw new BackupError('ScratchCopyFailed', `The copy to a scratch blob ended: ${copy.reason}`, {
      target: name,
    });
  }
  return {
    copied: { kind: 'blob', url: copy.url, storageAccountId: copy.storageAccountId },
  };
};

const removeScratch = async (
  ports: RestorePorts,
  input: RestoreDiskInput,
  target: RestoreTarget,
): Promise<void> => {
  const name = scratchNameOf(input.runId, input.step.diskKey);
  await target.scratch.remove(name);
  await ports.catalog.forgetMade({
    runId: input.runId,
    kind: 'scratchBlob',
    resourceId: target.scratch.resourceIdOf(name),
  });
};

const createDisk = async (
  ports: RestorePorts,
  input: RestoreDiskInput,
  source: RestoreSource,
  from: DiskSource,
): Promise<Outcome<void>> => {
  const { runId, origin, step } = input;
  const found = findDiskOf(source.point, step.diskKey);
  if (!found.ok) return found;
  const { captured } = found.value;
  return makeOnce(ports, {
    runId,
    kind: 'disk',
    resourceId: step.diskId,
    takenCode: 'DiskNameTaken',
    find: () => ports.disks.findDisk(step.diskId),
    make: () =>
      ports.disks.createDisk(
        {
          diskId: step.diskId,
          region: origin.region,
          sku: captured.sku,
          zones: step.zones,
          ...(captured.osType === undefined ? {} : { osType: captured.osType }),
          ...(captured.hyperVGeneration === undefined
            ? {}
            : { hyperVGeneration: captured.hyperVGeneration }),
          ...(step.diskEncryptionSetId === undefined
            ? {}
            : { diskEncryptionSetId: step.diskEncryptionSetId }),
          // A disk made from a snapshot has the snapshot's security type, and may not name one.
          ...(captured.securityProfile === undefined || from.kind === 'snapshot'
            ? {}
            : { securityProfile: captured.securityProfile }),
          ...(captured.purchasePlan === undefined ? {} : { purchasePlan: captured.purchasePlan }),
          ...(captured.supportedCapabilities === undefined
            ? {}
            : { supportedCapabilities: captured.supportedCapabilities }),
          moreProperties: step.moreProperties,
          tags: runTags(runId, ports.deploymentId, origin, captured.tags),
        },
        from,
      ),
  });
};

/**
 * Makes one managed disk of the point: from its snapshot, or from its sealed blob snapshot through a
 * scratch blob. May be repeated. `finished: false`: the scratch copy goes on, call again.
 */
export const restoreDisk = async (
  ports: RestorePorts,
  input: RestoreDiskInput,
): Promise<Outcome<StepResult>> => {
  const { runId, origin, step } = input;
  const ended = await refuseEndedRun(ports, runId);
  if (ended !== undefined) return ended;
  await holdManifest(ports, origin);
  const read = await readRestoreSource(ports, origin);
  if (!read.ok) return read;
  const source = read.value;

  if (source.source === 'primary') {
    const snapshotId = source.point.disks.find((one) => one.diskKey === step.diskKey)?.snapshot
      ?.snapshotId;
    if (snapshotId === undefined) {
      return refused(
        'DiskNotInPoint',
        `The point has no snapshot of ${step.diskKey}.`,
        step.diskKey,
      );
    }
    const made = await createDisk(ports, input, source, { kind: 'snapshot', snapshotId });
    return made.ok ? done({ finished: true, resourceId: step.diskId }) : made;
  }

  if (step.mustBeVerified && !input.verified) {
    return refused(
      'ReplicaNotVerified',
      `The replica of disk ${step.diskKey} was not compared with its digest in this run.`,
      step.diskKey,
    );
  }
  const sealed = source.manifest.disks.find((one) => one.diskKey === step.diskKey);
  if (sealed === undefined) {
    return refused('DiskNotInPoint', `The manifest has no disk ${step.diskKey}.`, step.diskKey);
  }
  const before = await ports.disks.findDisk(step.diskId);
  const isDone =
    before !== undefined && isMadeBy(runId, before) && before.provisioningState === 'Succeeded';
  if (!isDone) {
    const scratch = await copyToScratch(ports, input, source.target, sealed);
    // Who closed the run meanwhile may have looked before the blob was there.
    await noteScratch(ports, input, source.target);
    const endedSince = await refuseEndedRun(ports, runId);
    if (endedSince !== undefined) {
      await removeScratch(ports, input, source.target);
      return endedSince;
    }
    if (!('copied' in scratch)) {
      return done({ finished: false, resourceId: step.diskId, copiedBytes: scratch.copiedBytes });
    }
    const made = await createDisk(ports, input, source, scratch.copied);
    if (!made.ok) {
      if (made.errorCode === 'RunEnded') await removeScratch(ports, input, source.target);
      return made;
    }
  }
  await removeScratch(ports, input, source.target);
  ports.events.emit('DiskRestored', { runId, diskKey: step.diskKey, diskId: step.diskId });
  return done({ finished: true, resourceId: step.diskId });
};

import type { MadeKind } from '../catalog/run.ts';
import { done, type Outcome } from '../outcome.ts';
import type { FoundResource } from '../ports/found-resource.ts';
import { releaseManifest } from './manifest-lease.ts';
import { removeMadeBlob } from './remove-made.ts';
import type { RestorePlan } from './restore-plan.ts';
import type { RestorePorts } from './restore-ports.ts';
import { readRestoreSource } from './restore-source.ts';
import { isMadeBy, userTags } from './run-tags.ts';

export interface FinishRestoreInput {
  readonly runId: string;
  readonly plan: RestorePlan;
}

const FORGOTTEN: readonly MadeKind[] = ['vm', 'nic', 'disk', 'scratchBlob'];

/** Hands everything that the run made to the user: their tags, none of ours. May be repeated. */
export const finishRestore = async (
  ports: RestorePorts,
  { runId, plan }: FinishRestoreInput,
): Promise<Outcome<{ readonly vmId: string }>> => {
  const read = await readRestoreSource(ports, plan.origin);
  if (!read.ok) return read;
  const { configuration, disks } = read.value.point;
  // From here on nothing is undone: what a disaster needs is the VM, with our tags or without. Its
  // own row goes first: were its disks' rows first, a crash in between would undo the VM alone, and
  // the platform deletes no disk and no NIC that a VM uses.
  const rows = await ports.catalog.listMade(runId);
  for (const row of rows.toSorted(
    (a, b) => FORGOTTEN.indexOf(a.kind) - FORGOTTEN.indexOf(b.kind),
  )) {
    if (row.kind === 'scratchBlob') await removeMadeBlob(ports, row);
    await ports.catalog.forgetMade(row);
  }
  // What bears our tag no longer was handed over before: its tags, and whether it is there at all,
  // are its user's business since.
  const isOurs = (found: FoundResource | undefined): boolean =>
    found !== undefined && isMadeBy(runId, found);
  for (const step of plan.steps) {
    if (step.kind === 'restoreDisk') {
      if (!isOurs(await ports.disks.findDisk(step.diskId))) continue;
      const lun = disks.find((disk) => disk.diskKey === step.diskKey)?.lun;
      const captured = configuration.disks.find((disk) => disk.lun === lun);
      await ports.disks.replaceDiskTags(step.diskId, userTags(captured?.tags ?? {}));
    } else if (step.kind === 'createNic') {
      if (!isOurs(await ports.vms.findNic(step.nicId))) continue;
      const captured = configuration.nics[step.nicIndex];
      await ports.vms.replaceNicTags(step.nicId, userTags(captured?.tags ?? {}));
    } else if (step.kind === 'createVm') {
      if (!isOurs(await ports.vms.findVm(step.vmId))) continue;
      await ports.vms.replaceVmTags(step.vmId, userTags(configuration.tags));
    }
  }
  await releaseManifest(ports, plan.origin);
  ports.events.emit('RestoreFinished', { runId, vmId: plan.vmId });
  return done({ vmId: plan.vmId });
};

import type { MadeKind, MadeResource } from '../catalog/run.ts';
import type { FoundResource } from '../ports/found-resource.ts';
import type { RestorePorts } from './restore-ports.ts';
import { isMadeBy } from './run-tags.ts';

/** Removes the scratch blob of a row from whichever target it belongs to. */
export const removeMadeBlob = async (ports: RestorePorts, row: MadeResource): Promise<void> => {
  const name = row.resourceId.split('/').slice(2).join('/');
  for (const targetName of ports.targets.names) {
    const target = ports.targets.find(targetName);
    if (target?.scratch.resourceIdOf(name) === row.resourceId) await target.scratch.remove(name);
  }
};

interface Removal {
  find(id: string): Promise<FoundResource | undefined>;
  remove(id: string): Promise<void>;
}

const removalOf = (ports: RestorePorts, kind: MadeKind): Removal | undefined => {
  switch (kind) {
    case 'vm':
      return { find: (id) => ports.vms.findVm(id), remove: (id) => ports.vms.removeVm(id) };
    case 'nic':
      return { find: (id) => ports.vms.findNic(id), remove: (id) => ports.vms.removeNic(id) };
    case 'disk':
      return { find: (id) => ports.disks.findDisk(id), remove: (id) => ports.disks.removeDisk(id) };
    default:
      return undefined;
  }
};

/**
 * Removes what a run of this service made. An ARM resource goes only when it carries the run's tag.
 * Answers why it stays; undefined when it is gone.
 */
export const removeMade = async (
  ports: RestorePorts,
  row: MadeResource,
): Promise<string | undefined> => {
  if (row.kind === 'scratchBlob') {
    await removeMadeBlob(ports, row);
    return undefined;
  }
  const removal = removalOf(ports, row.kind);
  if (removal === undefined) return `a restore makes no ${row.kind}`;
  const found = await removal.find(row.resourceId);
  if (found === undefined) return undefined;
  // Noted, never made: somebody else's thing of that name stays.
  if (!isMadeBy(row.runId, found)) return undefined;
  await removal.remove(row.resourceId);
  return undefined;
};

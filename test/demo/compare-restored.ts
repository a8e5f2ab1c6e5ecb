import type { PlacedScenario } from '../local-azure/control/scenario-types.ts';
import { DEPLOYMENT } from '../world/app-settings.ts';
import {
  comparableFields,
  differentFields,
  readVmBodies,
  type VmBodies,
} from '../world/arm-reader.ts';
import type { World } from '../world/start-world.ts';
import type { StoredManifest } from '../world/stored-manifest.ts';
import type { Narrator } from './narrator.ts';

/** Act 4: the restored VM against the journal, file system by file system and field by field. */

export interface Comparison {
  readonly restoredDisks: number;
  readonly pagesCompared: number;
  readonly pagesDifferent: number;
  readonly plantedPages: number;
  readonly plantedPagesFound: number;
  readonly fileSystemsChecked: number;
  readonly fileSystemsDamaged: number;
  readonly filesCompared: number;
  readonly filesDifferent: number;
  readonly fieldsCompared: number;
  readonly fieldsDifferent: number;
}

export async function compareRestored(
  world: World,
  vm: PlacedScenario,
  before: VmBodies,
  restored: { readonly restoredVmId: string; readonly session: string },
  manifest: StoredManifest,
  narrator: Narrator,
): Promise<Comparison> {
  const after = await readVmBodies(world, restored.restoredVmId);
  const different = differentFields(before, after);
  const fieldsCompared = Object.keys(comparableFields(before)).length;
  const luns = [-1, ...manifest.disks.map(({ lun }) => lun).filter((lun) => lun >= 0)].sort(
    (a, b) => a - b,
  );
  const disks = luns.map((lun, index) => ({
    lun,
    source: { diskId: String(after.disks[index]?.['id']) },
  }));
  const pages = await narrator.during('every page against the journal', () =>
    world.evidence.compare(vm.vmId, disks, { session: restored.session }),
  );
  const checks = await narrator.during('e2fsck -fn and the files', () =>
    Promise.all(
      disks.map(({ lun, source }) =>
        world.evidence.checkFileSystem(
          source,
          vm.disks.find((disk) => disk.lun === lun)?.files ?? [],
        ),
      ),
    ),
  );
  const filesCompared = checks.reduce((sum, check) => sum + check.filesCompared, 0);
  const filesDifferent = checks.reduce((sum, check) => sum + check.filesDifferent, 0);
  const fileSystemsDamaged = checks.filter(({ clean }) => !clean).length;
  narrator.fact(`${pages.pagesCompared} pages compared, ${pages.pagesDifferent} different`);
  narrator.fact(
    `${checks.length - fileSystemsDamaged} of ${checks.length} file systems clean; ${filesCompared - filesDifferent} of ${filesCompared} files as they were`,
  );
  narrator.fact(
    `${fieldsCompared - different.length} of ${fieldsCompared} fields of the VM's configuration as they were${different.length > 0 ? `; different: ${different.join(', ')}` : ''}`,
  );
  const plantedPagesFound = await findPlantedPage(world, vm, restored.session, manifest);
  narrator.fact(`one page planted in a replica, ${plantedPagesFound} found`);
  return {
    restoredDisks: after.disks.length,
    pagesCompared: pages.pagesCompared,
    pagesDifferent: pages.pagesDifferent,
    plantedPages: 1,
    plantedPagesFound,
    fileSystemsChecked: checks.length,
    ...{ fileSystemsDamaged, filesCompared, filesDifferent, fieldsCompared },
    fieldsDifferent: different.length,
  };
}

/** The control of the page comparison: one byte of a replica is changed, and looked for. */
async function findPlantedPage(
  world: World,
  vm: PlacedScenario,
  session: string,
  manifest: StoredManifest,
): Promise<number> {
  const planted = manifest.disks[0];
  if (planted === undefined) throw new Error('the manifest names no disk');
  const sourceOf = ({ blobPath, blobSnapshot }: StoredManifest['disks'][number]) => ({
    account: DEPLOYMENT.replicaAccount,
    container: DEPLOYMENT.replicaContainer,
    blob: blobPath,
    snapshot: blobSnapshot,
  });
  const { blob, ...rest } = sourceOf(planted);
  await world.azure.control.damageByte({ ...rest, blob, offset: 4096 * 700 + 13 });
  const found = await world.evidence.compare(
    vm.vmId,
    manifest.disks.map((disk) => ({ lun: disk.lun, source: sourceOf(disk) })),
    { session },
  );
  return found.pagesDifferent;
}

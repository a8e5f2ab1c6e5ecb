import { type ArmTestClient, soon } from './arm-test-client.ts';

const version = 'api-version=2026-03-02';

/** An empty disk of 1 GiB in westeurope; answers its id. */
export async function makeEmptyDisk(
  arm: ArmTestClient,
  group: string,
  name: string,
): Promise<string> {
  const disk = await arm.compute.disks.createOrUpdate(
    group,
    name,
    { location: 'westeurope', diskSizeGB: 1, creationData: { createOption: 'Empty' } },
    soon,
  );
  return String(disk.id);
}

/** What the tests of snapshots make: disks, and snapshots of a disk `source`. */
export interface SnapshotTestBed {
  readonly diskId: string;
  newDisk(name: string): Promise<string>;
  /** Path and query of a snapshot. */
  snapshotPath(name: string, tail?: string): string;
  /** An incremental snapshot, of `source` where no other disk is named, once it is done. */
  take(
    name: string,
    sourceResourceId?: string,
    extra?: object,
  ): ReturnType<ArmTestClient['compute']['snapshots']['createOrUpdate']>;
}

export async function createSnapshotTestBed(
  arm: ArmTestClient,
  group: string,
): Promise<SnapshotTestBed> {
  await arm.resources.resourceGroups.createOrUpdate(group, { location: 'westeurope' });
  const diskId = await makeEmptyDisk(arm, group, 'source');
  return {
    diskId,
    newDisk: (name) => makeEmptyDisk(arm, group, name),
    snapshotPath: (name, tail = '') =>
      `${arm.path(group, 'Microsoft.Compute', `/snapshots/${name}${tail}`)}?${version}`,
    take: (name, sourceResourceId = diskId, extra = {}) =>
      arm.compute.snapshots.createOrUpdate(
        group,
        name,
        {
          location: 'westeurope',
          incremental: true,
          creationData: { createOption: 'Copy', sourceResourceId },
          tags: { owner: 'test' },
          ...extra,
        },
        soon,
      ),
  };
}

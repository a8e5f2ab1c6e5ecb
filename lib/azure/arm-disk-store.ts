import type { CreationData, Disk } from '@azure/arm-compute';
import type { DiskSource, DiskStore, DiskToMake } from '../ports/disk-store.ts';
import { type ArmOperationsOptions, createArmOperations, findResource } from './arm-operations.ts';
import { resourceAddressOf } from './arm-resource-id.ts';
import type { AzureClients } from './azure-clients.ts';

const DISK = 'Microsoft.Compute/disks';
const SNAPSHOT = 'Microsoft.Compute/snapshots';

/** Managed disks through Azure Resource Manager. */
export const createArmDiskStore = (
  clients: Pick<AzureClients, 'compute'>,
  options: ArmOperationsOptions = {},
): DiskStore => {
  const operations = createArmOperations(options);
  const { disks, snapshots } = clients.compute;
  return {
    async findDisk(diskId) {
      const { resourceGroup, name } = resourceAddressOf(diskId, DISK);
      return findResource(() => disks.get(resourceGroup, name), diskId, `read the disk ${name}`);
    },

    async findSnapshot(snapshotId) {
      const { resourceGroup, name } = resourceAddressOf(snapshotId, SNAPSHOT);
      return findResource(
        () => snapshots.get(resourceGroup, name),
        snapshotId,
        `read the snapshot ${name}`,
      );
    },

    async createDisk(disk, source) {
      const { resourceGroup, name } = resourceAddressOf(disk.diskId, DISK);
      return operations.make(
        (control) => disks.createOrUpdate(resourceGroup, name, diskBody(disk, source), control),
        { action: `make the disk ${name}`, target: disk.diskId, refusedCode: 'DiskRefused' },
      );
    },

    async replaceDiskTags(diskId, tags) {
      const { resourceGroup, name } = resourceAddressOf(diskId, DISK);
      await operations.change(
        (control) => disks.update(resourceGroup, name, { tags: { ...tags } }, control),
        { action: `tag the disk ${name}`, target: diskId },
      );
    },

    async removeDisk(diskId) {
      const { resourceGroup, name } = resourceAddressOf(diskId, DISK);
      await operations.remove((control) => disks.delete(resourceGroup, name, control), {
        action: `delete the disk ${name}`,
        target: diskId,
      });
    },
  };
};

const creationDataOf = (source: DiskSource): CreationData =>
  source.kind === 'blob'
    ? {
        createOption: 'Import',
        sourceUri: source.url,
        storageAccountId: source.storageAccountId,
      }
    : { createOption: 'Copy', sourceResourceId: source.snapshotId };

const diskBody = (disk: DiskToMake, source: DiskSource): Disk => ({
  // First: the fields below are decided here, whatever was captured.
  ...disk.moreProperties,
  location: disk.region,
  sku: { name: disk.sku },
  ...(disk.zones.length === 0 ? {} : { zones: [...disk.zones] }),
  ...(disk.osType === undefined ? {} : { osType: disk.osType }),
  ...(disk.hyperVGeneration === undefined ? {} : { hyperVGeneration: disk.hyperVGeneration }),
  ...(disk.securityProfile === undefined ? {} : { securityProfile: disk.securityProfile }),
  ...(disk.purchasePlan === undefined
    ? {}
    : { purchasePlan: disk.purchasePlan as unknown as NonNullable<Disk['purchasePlan']> }),
  ...(disk.supportedCapabilities === undefined
    ? {}
    : { supportedCapabilities: disk.supportedCapabilities }),
  ...(disk.diskEncryptionSetId === undefined
    ? {}
    : {
        encryption: {
          type: 'EncryptionAtRestWithCustomerKey',
          diskEncryptionSetId: disk.diskEncryptionSetId,
        },
      }),
  tags: { ...disk.tags },
  creationData: creationDataOf(source),
});

import type { ArmTestClient } from './arm-test-client.ts';
import { soon } from './arm-test-client.ts';
import type { JsonObject } from './json.ts';
import { makeEmptyDisk } from './snapshot-test-bed.ts';

const version = 'api-version=2026-04-01';
const networkVersion = '2025-05-01';

/** What the tests of VMs make: disks, NICs, bodies of a PUT. All in one group of westeurope. */
export interface VmTestBed {
  vmPath(name: string, tail?: string): string;
  newDisk(name: string): Promise<string>;
  newNic(name: string): Promise<string>;
  vmBody(
    osDiskId: string,
    nicId: string,
    dataDisks?: readonly JsonObject[],
  ): {
    readonly location: string;
    readonly properties: JsonObject;
  };
}

export function createVmTestBed(arm: ArmTestClient, group: string, subnetId: string): VmTestBed {
  return {
    vmPath: (name, tail = '') =>
      `${arm.path(group, 'Microsoft.Compute', `/virtualMachines/${name}${tail}`)}?${version}`,
    newDisk: (name) => makeEmptyDisk(arm, group, name),
    async newNic(name) {
      const id = arm.path(group, 'Microsoft.Network', `/networkInterfaces/${name}`);
      const ipConfigurations = [{ name: 'one', properties: { subnet: { id: subnetId } } }];
      await arm.resources.resources.createOrUpdateById(
        id.slice(1),
        networkVersion,
        { location: 'westeurope', properties: { ipConfigurations } },
        soon,
      );
      return id;
    },
    vmBody: (osDiskId, nicId, dataDisks = []) => ({
      location: 'westeurope',
      properties: {
        hardwareProfile: { vmSize: 'Standard_D4s_v5' },
        storageProfile: {
          osDisk: { osType: 'Linux', createOption: 'Attach', managedDisk: { id: osDiskId } },
          dataDisks,
        },
        networkProfile: { networkInterfaces: [{ id: nicId, properties: { primary: true } }] },
      },
    }),
  };
}

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlacedScenario } from '../control/scenario-types.ts';
import { type ArmTestClient, soon, startArmTestClient } from './arm-test-client.ts';
import { createVmTestBed, type VmTestBed } from './vm-test-bed.ts';

const group = 'vm-refusal-tests';
let arm: ArmTestClient;
let vm: PlacedScenario;
let bed: VmTestBed;

beforeAll(async () => {
  arm = await startArmTestClient();
  vm = await arm.control.createVm({
    name: 'db-1',
    resourceGroup: group,
    region: 'westeurope',
    guest: false,
    osDisk: { sizeMiB: 16, mountPoint: false },
  });
  bed = createVmTestBed(arm, group, vm.subnetId);
}, 60_000);
afterAll(() => arm.stop());

describe('PUT of a VM', () => {
  it('refuses a disk that another VM has', async () => {
    const nic = await bed.newNic('thief-nic');
    const reply = await arm.raw(
      'PUT',
      bed.vmPath('thief'),
      bed.vmBody(vm.disks[0]?.diskId ?? '', nic),
    );
    expect(reply.status).toBe(409);
    expect(reply.body).toMatchObject({ error: { code: 'ConflictingUserInput' } });
  });

  it('refuses a disk with an open SAS', async () => {
    const disk = await bed.newDisk('exported');
    await arm.compute.disks.grantAccess(
      group,
      'exported',
      { access: 'Read', durationInSeconds: 60 },
      soon,
    );
    const reply = await arm.raw(
      'PUT',
      bed.vmPath('sas'),
      bed.vmBody(disk, await bed.newNic('sas-nic')),
    );
    expect(reply.status).toBe(409);
    expect(reply.body).toMatchObject({
      error: {
        message: 'There is an active shared access signature outstanding for disk exported',
      },
    });
  });

  it('refuses an osProfile, a NIC that is missing, a NIC in use, and a size without room', async () => {
    const disk = await bed.newDisk('spare');
    const nic = await bed.newNic('spare-nic');
    const body = bed.vmBody(disk, nic);
    const withProfile = { ...body, properties: { ...body.properties, osProfile: {} } };
    expect((await arm.raw('PUT', bed.vmPath('bad'), withProfile)).body).toMatchObject({
      error: { code: 'InvalidParameter', message: "Parameter 'osProfile' is not allowed." },
    });
    expect(
      (await arm.raw('PUT', bed.vmPath('bad'), bed.vmBody(disk, `${nic}-gone`))).body,
    ).toMatchObject({
      error: { code: 'InvalidResourceReference' },
    });
    expect(
      (await arm.raw('PUT', bed.vmPath('bad'), bed.vmBody(disk, vm.nicId))).body,
    ).toMatchObject({
      error: { code: 'NicInUse' },
    });
    const many = Array.from({ length: 9 }, (_unused, lun) => ({
      lun,
      createOption: 'Attach',
      managedDisk: { id: disk },
    }));
    expect(
      (await arm.raw('PUT', bed.vmPath('bad'), bed.vmBody(disk, nic, many))).body,
    ).toMatchObject({
      error: { code: 'OperationNotAllowed', target: 'dataDisks' },
    });
    expect((await arm.raw('GET', bed.vmPath('bad'))).status).toBe(404);
  });

  it('refuses a disk of another zone, and an OS disk of another security type', async () => {
    const disk = await bed.newDisk('regional');
    const zonal = { ...bed.vmBody(disk, await bed.newNic('zonal-nic')), zones: ['2'] };
    expect((await arm.raw('PUT', bed.vmPath('zonal'), zonal)).body).toMatchObject({
      error: {
        code: 'BadRequest',
        message: expect.stringMatching(
          /cannot be attached to the VM because it is not in zone '2'/,
        ),
      },
    });
    const body = bed.vmBody(disk, await bed.newNic('trusted-nic'));
    const trusted = {
      ...body,
      properties: { ...body.properties, securityProfile: { securityType: 'TrustedLaunch' } },
    };
    expect((await arm.raw('PUT', bed.vmPath('trusted'), trusted)).body).toMatchObject({
      error: {
        code: 'BadRequest',
        message:
          'Security type of VM is not compatible with the security type of attached OS Disk.',
      },
    });
  });
});

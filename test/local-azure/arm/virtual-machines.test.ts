import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlacedScenario } from '../control/scenario-types.ts';
import { type ArmTestClient, soon, startArmTestClient } from './arm-test-client.ts';
import { createVmTestBed, type VmTestBed } from './vm-test-bed.ts';

const networkVersion = '2025-05-01';
const group = 'vm-tests';
let arm: ArmTestClient;
let vm: PlacedScenario;
let bed: VmTestBed;

beforeAll(async () => {
  arm = await startArmTestClient({ pageSize: 1, vmLatencyMs: { min: 60, max: 80 } });
  vm = await arm.control.createVm({
    name: 'db-1',
    resourceGroup: group,
    region: 'westeurope',
    size: 'Standard_D4s_v5',
    tags: { lockstep: 'yes' },
    zones: ['1'],
    identity: { type: 'SystemAssigned' },
    securityType: 'TrustedLaunch',
    publicIp: true,
    osDisk: { sizeMiB: 16, files: { count: 2, totalMiB: 1 }, areaMiB: 1 },
    dataDisks: [
      { lun: 0, sizeMiB: 16, caching: 'ReadOnly', files: { count: 2, totalMiB: 1 }, areaMiB: 1 },
      { lun: 3, sizeMiB: 16, mountPoint: false },
    ],
  });
  bed = createVmTestBed(arm, group, vm.subnetId);
}, 60_000);
afterAll(() => arm.stop());

describe('a VM of the scenario', () => {
  it('shows its configuration, and its instance view on request', async () => {
    const found = await arm.compute.virtualMachines.get(group, 'DB-1', { expand: 'instanceView' });
    expect(found).toMatchObject({
      name: 'db-1',
      location: 'westeurope',
      zones: ['1'],
      tags: { lockstep: 'yes' },
      hardwareProfile: { vmSize: 'Standard_D4s_v5' },
      securityProfile: { securityType: 'TrustedLaunch' },
      identity: { type: 'SystemAssigned', principalId: expect.any(String) },
      storageProfile: {
        osDisk: {
          osType: 'Linux',
          name: 'db-1-os',
          createOption: 'Attach',
          caching: 'ReadWrite',
          managedDisk: { storageAccountType: 'Premium_LRS' },
        },
        dataDisks: [
          { lun: 0, name: 'db-1-data-0', caching: 'ReadOnly', toBeDetached: false },
          { lun: 3, name: 'db-1-data-3', caching: 'None' },
        ],
      },
    });
    const codes = found.instanceView?.statuses?.map((status) => status.code);
    expect(codes).toEqual(['ProvisioningState/succeeded', 'PowerState/running']);
    expect(found.instanceView?.vmAgent?.statuses?.[0]?.displayStatus).toBe('Ready');
    const bare = await arm.compute.virtualMachines.get(group, 'db-1');
    expect(bare.instanceView).toBeUndefined();
    const view = await arm.compute.virtualMachines.instanceView(group, 'db-1');
    expect(view.statuses?.map((status) => status.code)).toEqual(codes);
  });

  it('shows a silent agent as not ready, and none as absent', async () => {
    await arm.control.call('POST', '/guest/agent-status', {
      vmId: vm.vmId,
      status: 'Unavailable',
    });
    const silent = await arm.compute.virtualMachines.instanceView(group, 'db-1');
    expect(silent.vmAgent).toMatchObject({
      vmAgentVersion: 'Unknown',
      statuses: [{ code: 'ProvisioningState/Unavailable', displayStatus: 'Not Ready' }],
    });
    await arm.control.call('POST', '/guest/agent-status', { vmId: vm.vmId, status: 'None' });
    expect((await arm.compute.virtualMachines.instanceView(group, 'db-1')).vmAgent).toBeUndefined();
    await arm.control.call('POST', '/guest/agent-status', { vmId: vm.vmId, status: 'Ready' });
  });

  it('has disks that are attached, cannot be deleted and cannot be read', async () => {
    const disk = await arm.compute.disks.get(group, 'db-1-os');
    expect(disk).toMatchObject({ diskState: 'Attached', managedBy: vm.vmId, zones: ['1'] });
    await expect(arm.compute.disks.delete(group, 'db-1-os', soon)).rejects.toMatchObject({
      statusCode: 409,
      code: 'OperationNotAllowed',
      message: expect.stringContaining(`Disk db-1-os is attached to VM ${vm.vmId}.`),
    });
    await expect(
      arm.compute.disks.grantAccess(
        group,
        'db-1-os',
        { access: 'Read', durationInSeconds: 60 },
        soon,
      ),
    ).rejects.toMatchObject({ statusCode: 409, code: 'Conflict' });
  });
});

describe('PUT of a VM', () => {
  it('makes a VM of specialised disks, with 201 and no Location', async () => {
    const osDisk = await bed.newDisk('new-os');
    const dataDisk = await bed.newDisk('new-data');
    const nic = await bed.newNic('new-nic');
    const body = bed.vmBody(osDisk, nic, [
      { lun: 5, createOption: 'Attach', caching: 'None', managedDisk: { id: dataDisk } },
    ]);
    const reply = await arm.raw('PUT', bed.vmPath('new'), body);
    expect(reply.status).toBe(201);
    expect(reply.headers['location']).toBeUndefined();
    expect(reply.headers['retry-after']).toBe('10');
    expect(reply.body).toMatchObject({
      name: 'new',
      properties: { provisioningState: 'Creating' },
    });
    expect(String(reply.headers['azure-asyncoperation'])).toMatch(
      /Microsoft\.Compute\/locations\/westeurope\/operations\//,
    );
    const conflict = await arm.raw('PUT', bed.vmPath('new'), body);
    expect(conflict.status).toBe(409);
    expect(conflict.body).toMatchObject({ error: { code: 'Conflict' } });
    expect(await arm.poll(String(reply.headers['azure-asyncoperation']))).toMatchObject({
      status: 'Succeeded',
    });
    const made = await arm.compute.virtualMachines.get(group, 'new', { expand: 'instanceView' });
    expect(made.provisioningState).toBe('Succeeded');
    expect(made.vmId).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.instanceView?.statuses?.at(-1)?.code).toBe('PowerState/running');
    expect((await arm.compute.disks.get(group, 'new-data')).managedBy).toBe(made.id);
    const owned = await arm.resources.resources.getById(nic.slice(1), networkVersion);
    expect(owned.properties?.['virtualMachine']).toEqual({ id: made.id });
  });

  it('through the SDK answers 200 and Updating headers for a change of tags', async () => {
    const reply = await arm.raw('PATCH', bed.vmPath('db-1'), { tags: { lockstep: 'no' } });
    expect(reply.status).toBe(200);
    expect(reply.headers['location']).toBeUndefined();
    expect(reply.body).toMatchObject({ properties: { provisioningState: 'Updating' } });
    await arm.poll(String(reply.headers['azure-asyncoperation']));
    const updated = await arm.compute.virtualMachines.update(
      group,
      'db-1',
      { tags: { lockstep: 'yes' } },
      soon,
    );
    expect(updated.tags).toEqual({ lockstep: 'yes' });
  });

  it('refuses to exchange the OS disk of a VM that exists', async () => {
    const disk = await bed.newDisk('exchange');
    const reply = await arm.raw('PUT', bed.vmPath('db-1'), bed.vmBody(disk, vm.nicId));
    expect(reply.status).toBe(409);
    expect(reply.body).toMatchObject({ error: { code: 'PropertyChangeNotAllowed' } });
  });
});

describe('power', () => {
  it('goes off and on by deallocate and start, and the disks follow', async () => {
    const reply = await arm.raw('POST', bed.vmPath('db-1', '/deallocate'));
    expect(reply.status).toBe(202);
    expect(reply.headers['location']).toBeDefined();
    const busy = await arm.raw('POST', bed.vmPath('db-1', '/start'));
    expect(busy.status).toBe(409);
    await arm.poll(String(reply.headers['azure-asyncoperation']));
    const view = await arm.compute.virtualMachines.instanceView(group, 'db-1');
    expect(view.statuses?.at(-1)?.code).toBe('PowerState/deallocated');
    expect(view.vmAgent).toBeUndefined();
    expect((await arm.compute.disks.get(group, 'db-1-os')).diskState).toBe('Reserved');
    await arm.compute.virtualMachines.start(group, 'db-1', soon);
    const on = await arm.compute.virtualMachines.instanceView(group, 'db-1');
    expect(on.statuses?.at(-1)?.code).toBe('PowerState/running');
    expect(on.vmAgent?.statuses?.[0]?.displayStatus).toBe('Ready');
    await arm.compute.virtualMachines.powerOff(group, 'db-1', soon);
    const off = await arm.compute.virtualMachines.instanceView(group, 'db-1');
    expect(off.statuses?.at(-1)?.code).toBe('PowerState/stopped');
    await arm.compute.virtualMachines.start(group, 'db-1', soon);
  });
});

describe('lists and deletion', () => {
  it('lists by group and subscription over pages, with status on request', async () => {
    const byGroup: string[] = [];
    for await (const found of arm.compute.virtualMachines.list(group)) {
      byGroup.push(String(found.name));
    }
    expect(byGroup).toEqual(['db-1', 'new']);
    const all: string[] = [];
    for await (const found of arm.compute.virtualMachines.listAll({ statusOnly: 'true' })) {
      expect(found.instanceView?.statuses?.length).toBeGreaterThan(0);
      all.push(String(found.name));
    }
    expect(all).toEqual(['db-1', 'new']);
  });

  it('deletes a VM and detaches what it had, or deletes it where the option says so', async () => {
    const kept = await bed.newDisk('kept');
    const gone = await bed.newDisk('gone');
    const nic = await bed.newNic('short-nic');
    const body = bed.vmBody(kept, nic, [
      { lun: 0, createOption: 'Attach', managedDisk: { id: gone }, deleteOption: 'Delete' },
    ]);
    const made = await arm.raw('PUT', bed.vmPath('short'), body);
    await arm.poll(String(made.headers['azure-asyncoperation']));
    await arm.compute.virtualMachines.delete(group, 'short', soon);
    expect((await arm.raw('GET', bed.vmPath('short'))).status).toBe(404);
    expect((await arm.compute.disks.get(group, 'kept')).diskState).toBe('Unattached');
    await expect(arm.compute.disks.get(group, 'gone')).rejects.toMatchObject({ statusCode: 404 });
    const freed = await arm.resources.resources.getById(nic.slice(1), networkVersion);
    expect(freed.properties?.['virtualMachine']).toBeUndefined();
    expect((await arm.raw('DELETE', bed.vmPath('short'))).status).toBe(204);
  });
});

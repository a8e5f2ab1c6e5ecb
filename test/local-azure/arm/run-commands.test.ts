import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ArmTestClient, soon, startArmTestClient } from './arm-test-client.ts';

const version = 'api-version=2026-04-01';
const group = 'command-tests';
let arm: ArmTestClient;
let vmId = '';

beforeAll(async () => {
  arm = await startArmTestClient({ agentTimeoutMs: 100 });
  const vm = await arm.control.createVm({
    name: 'guest-1',
    resourceGroup: group,
    region: 'westeurope',
    osDisk: { sizeMiB: 16, files: { count: 1, totalMiB: 1 }, areaMiB: 1 },
  });
  vmId = vm.vmId;
}, 60_000);
afterAll(() => arm.stop());

function commandPath(name: string): string {
  return `${arm.path(group, 'Microsoft.Compute', `/virtualMachines/guest-1/runCommands/${name}`)}?${version}`;
}

/** No script that the guest knows: it ends at once with an error of its own. */
const unknownScript = '#!/bin/sh\necho unknown\n';

function commandBody(extra: object = {}) {
  return {
    location: 'westeurope',
    properties: {
      source: { script: unknownScript },
      parameters: [{ name: 'LOCKSTEP_SESSION', value: 's-1' }],
      protectedParameters: [
        { name: 'SECRET', value: 'https://x/y?sig=abcdefghijklmnopqrstuvw%3D' },
      ],
      ...extra,
    },
  };
}

describe('PUT of a run command', () => {
  it('answers 201, runs the script and never shows protected parameters', async () => {
    const reply = await arm.raw('PUT', commandPath('one'), commandBody());
    expect(reply.status).toBe(201);
    expect(reply.headers['location']).toBeUndefined();
    expect(JSON.stringify(reply.body)).not.toContain('SECRET');
    await arm.poll(String(reply.headers['azure-asyncoperation']));
    const found = await arm.compute.virtualMachineRunCommands.getByVirtualMachine(
      group,
      'guest-1',
      'one',
      { expand: 'instanceView' },
    );
    expect(found.provisioningState).toBe('Succeeded');
    expect(found.instanceView?.executionState).toBe('Failed');
    expect(found.instanceView?.exitCode).toBeGreaterThan(0);
    expect(found.protectedParameters).toBeUndefined();
    expect(JSON.stringify(found)).not.toContain('abcdefghijklmnop');
    const secrets = (await arm.control.secrets()).map(({ value }) => value);
    expect(secrets).toContain('abcdefghijklmnopqrstuvw=');
    const bare = await arm.compute.virtualMachineRunCommands.getByVirtualMachine(
      group,
      'guest-1',
      'one',
    );
    expect(bare.instanceView).toBeUndefined();
  });

  it('fails with the script where treatFailureAsDeploymentFailure says so', async () => {
    const reply = await arm.raw(
      'PUT',
      commandPath('strict'),
      commandBody({ treatFailureAsDeploymentFailure: true }),
    );
    const ended = await arm.poll(String(reply.headers['azure-asyncoperation']));
    expect(ended).toMatchObject({ status: 'Failed' });
  });

  it('fails after the time-out when the agent is silent', async () => {
    await arm.control.call('POST', '/guest/agent-status', { vmId, status: 'Unavailable' });
    const reply = await arm.raw('PUT', commandPath('silent'), commandBody());
    expect(reply.status).toBe(201);
    expect(await arm.poll(String(reply.headers['azure-asyncoperation']))).toMatchObject({
      status: 'Failed',
      error: { code: 'VMAgentStatusCommunicationError' },
    });
    await arm.control.call('POST', '/guest/agent-status', { vmId, status: 'Ready' });
  });

  it('is refused while the VM does not run', async () => {
    await arm.control.setPower(vmId, 'deallocated');
    const reply = await arm.raw('PUT', commandPath('off'), commandBody());
    await arm.control.setPower(vmId, 'running');
    expect(reply.status).toBe(409);
    expect(reply.body).toEqual({
      error: {
        code: 'OperationNotAllowed',
        message: 'Cannot modify extensions in the VM when the VM is not running.',
      },
    });
  });

  it.each([
    [{ location: 'westeurope', properties: {} }, 'InvalidParameter'],
    [{ properties: { source: { script: 'x' } } }, 'LocationRequired'],
    [
      { location: 'westeurope', properties: { source: { script: 'x' }, timeoutInSeconds: 0 } },
      'InvalidParameter',
    ],
  ])('refuses %j with 400 %s', async (body, code) => {
    const reply = await arm.raw('PUT', commandPath('bad'), body);
    expect(reply.status).toBe(400);
    expect(reply.body).toMatchObject({ error: { code } });
  });
});

describe('the SDK', () => {
  it('creates, lists and deletes run commands', async () => {
    await arm.compute.virtualMachineRunCommands.createOrUpdate(
      group,
      'guest-1',
      'sdk',
      { location: 'westeurope', source: { script: unknownScript }, asyncExecution: true },
      soon,
    );
    const names: string[] = [];
    const list = arm.compute.virtualMachineRunCommands.listByVirtualMachine(group, 'guest-1');
    for await (const command of list) names.push(String(command.name));
    expect(names).toContain('sdk');
    await arm.compute.virtualMachineRunCommands.delete(group, 'guest-1', 'sdk', soon);
    await expect(
      arm.compute.virtualMachineRunCommands.getByVirtualMachine(group, 'guest-1', 'sdk'),
    ).rejects.toMatchObject({ statusCode: 404, code: 'ResourceNotFound' });
    expect((await arm.raw('DELETE', commandPath('sdk'))).status).toBe(204);
  });
});

import { isDeepStrictEqual } from 'node:util';
import type { World } from './start-world.ts';

type Json = Readonly<Record<string, unknown>>;

/** GET of an ARM resource with a token of its own, past the product. */
export async function readArm(world: World, id: string, apiVersion: string): Promise<Json> {
  const { arm } = world.azure.info;
  const { token } = await world.azure.control.issueToken('restore', arm);
  const response = await fetch(`${arm}${id}?api-version=${apiVersion}`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(20_000),
  });
  if (!response.ok) throw new Error(`GET ${id}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Json;
}

export const API_VERSIONS = {
  vm: '2026-04-01',
  disk: '2026-03-02',
  network: '2024-05-01',
} as const;

const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? (inner as Json)[key] : undefined,
    value,
  );

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A VM with its disks and network interfaces, as ARM answers them. */
export interface VmBodies {
  readonly vm: Json;
  /** OS disk first, then by LUN. */
  readonly disks: readonly Json[];
  readonly nics: readonly Json[];
}

export async function readVmBodies(world: World, vmId: string): Promise<VmBodies> {
  const vm = await readArm(world, vmId, API_VERSIONS.vm);
  const storage = at(vm, 'properties', 'storageProfile');
  const data = [...list(at(storage, 'dataDisks'))].sort(
    (a, b) => Number(at(a, 'lun')) - Number(at(b, 'lun')),
  );
  const diskIds = [at(storage, 'osDisk'), ...data].map((disk) =>
    String(at(disk, 'managedDisk', 'id')),
  );
  const nicIds = list(at(vm, 'properties', 'networkProfile', 'networkInterfaces')).map((nic) =>
    String(at(nic, 'id')),
  );
  return {
    vm,
    disks: await Promise.all(diskIds.map((id) => readArm(world, id, API_VERSIONS.disk))),
    nics: await Promise.all(nicIds.map((id) => readArm(world, id, API_VERSIONS.network))),
  };
}

/** Everything about a VM that must be the same after a restore in another region, by name. */
export function comparableFields({ vm, disks, nics }: VmBodies): Readonly<Record<string, unknown>> {
  const properties = at(vm, 'properties');
  const storage = at(properties, 'storageProfile');
  const fields: Record<string, unknown> = {
    tags: at(vm, 'tags') ?? {},
    plan: at(vm, 'plan'),
    identityType: at(vm, 'identity', 'type'),
    size: at(properties, 'hardwareProfile', 'vmSize'),
    securityProfile: at(properties, 'securityProfile'),
    licenseType: at(properties, 'licenseType'),
    osType: at(storage, 'osDisk', 'osType'),
    bootDiagnostics: at(properties, 'diagnosticsProfile', 'bootDiagnostics', 'enabled'),
    dataDisks: list(at(storage, 'dataDisks')).length,
    networkInterfaces: nics.length,
  };
  const attached = [at(storage, 'osDisk'), ...list(at(storage, 'dataDisks'))].sort(
    (a, b) => Number(at(a, 'lun') ?? -1) - Number(at(b, 'lun') ?? -1),
  );
  for (const [index, disk] of attached.entries()) {
    const body = disks[index];
    const name = `disk ${String(at(disk, 'lun') ?? 'os')}`;
    fields[`${name} lun`] = at(disk, 'lun');
    fields[`${name} caching`] = at(disk, 'caching');
    fields[`${name} writeAcceleratorEnabled`] = at(disk, 'writeAcceleratorEnabled') ?? false;
    fields[`${name} deleteOption`] = at(disk, 'deleteOption');
    fields[`${name} sizeBytes`] = at(body, 'properties', 'diskSizeBytes');
    fields[`${name} sku`] = at(body, 'sku', 'name');
    fields[`${name} tags`] = at(body, 'tags') ?? {};
    fields[`${name} hyperVGeneration`] = at(body, 'properties', 'hyperVGeneration');
    fields[`${name} osType`] = at(body, 'properties', 'osType');
    fields[`${name} securityType`] = at(body, 'properties', 'securityProfile', 'securityType');
  }
  for (const [index, nic] of nics.entries()) {
    const name = `nic ${index}`;
    fields[`${name} acceleratedNetworking`] =
      at(nic, 'properties', 'enableAcceleratedNetworking') ?? false;
    fields[`${name} ipForwarding`] = at(nic, 'properties', 'enableIPForwarding') ?? false;
    fields[`${name} ipConfigurations`] = list(at(nic, 'properties', 'ipConfigurations')).map(
      (one) => at(one, 'name'),
    );
    fields[`${name} tags`] = at(nic, 'tags') ?? {};
  }
  return fields;
}

/** Names of the fields that differ. */
export function differentFields(before: VmBodies, after: VmBodies): readonly string[] {
  const [a, b] = [comparableFields(before), comparableFields(after)];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (name) => !isDeepStrictEqual(a[name], b[name]),
  );
}

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ArmState } from '../arm/arm-state.ts';
import type { JsonObject } from '../arm/json.ts';
import { networkTypes, placeNetworkResource } from '../arm/network-routes.ts';
import { placeDisk } from '../arm/place-disk.ts';
import { placeVm } from '../arm/place-vm.ts';
import { resolveNetworkProfile } from '../arm/vm-network-profile.ts';
import { resolveStorageProfile } from '../arm/vm-storage-profile.ts';
import type { ByteRange, PageStore } from '../contracts.ts';
import type { SimulatedGuests } from '../guest/create-guest-agent.ts';
import { createDiskImage } from '../images/create-disk-image.ts';
import { loadImage } from '../images/transfer-image.ts';
import { ControlError } from './control-server.ts';
import { ensureGroup, ensureNetwork } from './scenario-network.ts';
import type {
  PlacedScenario,
  PlacedScenarioDisk,
  ScenarioDisk,
  VmScenario,
} from './scenario-types.ts';

export type {
  PlacedScenario,
  PlacedScenarioDisk,
  ScenarioDisk,
  VmScenario,
} from './scenario-types.ts';

export interface ScenarioParts {
  readonly state: ArmState;
  readonly guests: SimulatedGuests;
  readonly directory: string;
  readonly seed: string | number;
}

const mebibyte = 1024 ** 2;

interface ScenarioContent {
  readonly store: PageStore;
  readonly mountPoint: string | undefined;
  readonly files: PlacedScenarioDisk['files'];
  readonly area: readonly ByteRange[];
}

function diskName(vm: VmScenario, disk: ScenarioDisk, lun: number): string {
  return disk.name ?? (lun < 0 ? `${vm.name}-os` : `${vm.name}-data-${lun}`);
}

/** The content of a disk: an ext4 file system with seeded files, or nothing. */
async function createContent(
  parts: ScenarioParts,
  vm: VmScenario,
  disk: ScenarioDisk,
  lun: number,
): Promise<ScenarioContent> {
  const store = parts.state.createStore(disk.sizeMiB * mebibyte);
  if (disk.mountPoint === false) return { store, mountPoint: undefined, files: [], area: [] };
  const name = diskName(vm, disk, lun);
  const directory = join(parts.directory, 'images');
  mkdirSync(directory, { recursive: true });
  const image = await createDiskImage({
    file: join(directory, `${vm.resourceGroup}-${name}.img`),
    sizeMiB: disk.sizeMiB,
    seed: `${parts.seed}/${vm.name}`,
    label: name.slice(-16),
    ...(disk.areaMiB === undefined ? {} : { areaMiB: disk.areaMiB }),
    ...(disk.files === undefined ? {} : { files: disk.files }),
  });
  await loadImage(image.file, store);
  return {
    store,
    mountPoint: disk.mountPoint ?? (lun < 0 ? '/' : `/srv/data${lun}`),
    files: image.files.map(({ path, sha256 }) => ({ path, sha256 })),
    area: image.area,
  };
}

function placeScenarioDisk(
  state: ArmState,
  vm: VmScenario,
  disk: ScenarioDisk,
  lun: number,
  content: ScenarioContent,
): PlacedScenarioDisk {
  const isOs = lun < 0;
  const name = diskName(vm, disk, lun);
  const { resource } = placeDisk(state, {
    resourceGroup: vm.resourceGroup,
    name,
    region: vm.region,
    sku: disk.sku ?? 'Premium_LRS',
    tags: disk.tags,
    zones: vm.zones,
    properties: {
      ...(isOs ? { osType: vm.osType ?? 'Linux', hyperVGeneration: 'V2' } : {}),
      ...(isOs && vm.securityType === 'TrustedLaunch'
        ? { securityProfile: { securityType: 'TrustedLaunch' } }
        : {}),
      creationData: { createOption: 'Empty' },
    },
    provisioningState: 'Succeeded',
    store: content.store,
    upload: 'none',
  });
  return {
    lun,
    name,
    diskId: resource.id,
    sizeBytes: content.store.sizeBytes,
    mountPoint: content.mountPoint,
    files: content.files,
    area: content.area,
  };
}

function attachBody(disk: ScenarioDisk, placed: PlacedScenarioDisk): JsonObject {
  return {
    createOption: 'Attach',
    caching: disk.caching ?? (placed.lun < 0 ? 'ReadWrite' : 'None'),
    managedDisk: { id: placed.diskId },
    deleteOption: disk.deleteOption ?? 'Detach',
  };
}

function extensionBodies(vmId: string, vm: VmScenario): readonly JsonObject[] {
  return (vm.extensions ?? []).map(({ name, ...properties }) => ({
    name,
    id: `${vmId}/extensions/${name}`,
    type: 'Microsoft.Compute/virtualMachines/extensions',
    location: vm.region,
    properties: {
      autoUpgradeMinorVersion: true,
      provisioningState: 'Succeeded',
      ...properties,
    },
  }));
}

export async function createVmScenario(
  parts: ScenarioParts,
  vm: VmScenario,
): Promise<PlacedScenario> {
  const { state } = parts;
  ensureGroup(state, vm.resourceGroup, vm.region);
  const id = `/subscriptions/${state.subscriptionId}/resourceGroups/${vm.resourceGroup}/providers/Microsoft.Compute/virtualMachines/${vm.name}`;
  if (state.resources.get(id) !== undefined) {
    throw new ControlError(409, 'VmExists', `name: ${vm.name} exists in ${vm.resourceGroup}`);
  }
  const network = ensureNetwork(state, { ...vm, publicIp: vm.publicIp === true });
  const nicName = `${vm.name}-nic`;
  const nicId = `/subscriptions/${state.subscriptionId}/resourceGroups/${vm.resourceGroup}/providers/Microsoft.Network/networkInterfaces/${nicName}`;
  const nicType = networkTypes.find((type) => type.group === 'networkInterfaces');
  if (nicType === undefined) throw new Error('no network type networkInterfaces');
  placeNetworkResource(
    state,
    nicType,
    {
      id: nicId,
      name: nicName,
      resourceGroup: vm.resourceGroup,
      region: vm.region,
      body: {
        properties: {
          ipConfigurations: [
            {
              name: 'ipconfig1',
              properties: {
                subnet: { id: network.subnetId },
                ...(network.publicIpId === undefined
                  ? {}
                  : { publicIPAddress: { id: network.publicIpId } }),
              },
            },
          ],
          networkSecurityGroup: { id: network.securityGroupId },
        },
      },
    },
    'Succeeded',
  );
  const wanted = [{ ...vm.osDisk, lun: -1 }, ...(vm.dataDisks ?? [])];
  const contents = await Promise.all(
    wanted.map((disk) => createContent(parts, vm, disk, disk.lun)),
  );
  const placed = wanted.map((disk, index) => {
    const here = placeScenarioDisk(state, vm, disk, disk.lun, contents[index] as ScenarioContent);
    return { here, body: attachBody(disk, here) };
  });
  const disks = placed.map(({ here }) => here);
  const bodies = placed.map(({ body }) => body);
  const size = vm.size ?? 'Standard_D4s_v5';
  const profile = resolveStorageProfile(
    state,
    {
      osDisk: { ...bodies[0], osType: vm.osType ?? 'Linux' },
      dataDisks: bodies.slice(1).map((body, index) => ({
        lun: vm.dataDisks?.[index]?.lun,
        ...body,
      })),
    },
    { id, region: vm.region, size, zone: vm.zones?.[0], securityType: vm.securityType },
  );
  const networkProfile = {
    networkInterfaces: [{ id: nicId, properties: { primary: true, deleteOption: 'Detach' } }],
  };
  const power = vm.power ?? 'running';
  placeVm(state, {
    id,
    name: vm.name,
    resourceGroup: vm.resourceGroup,
    region: vm.region,
    tags: vm.tags,
    envelope: {
      ...(vm.zones === undefined ? {} : { zones: vm.zones }),
      ...(vm.identity === undefined ? {} : { identity: vm.identity }),
      ...(vm.extensions === undefined ? {} : { resources: extensionBodies(id, vm) }),
    },
    properties: {
      hardwareProfile: { vmSize: size },
      storageProfile: profile.body,
      networkProfile,
      ...(vm.securityType === 'TrustedLaunch'
        ? {
            securityProfile: {
              securityType: 'TrustedLaunch',
              uefiSettings: { secureBootEnabled: true, vTpmEnabled: true },
            },
          }
        : {}),
      diagnosticsProfile: { bootDiagnostics: { enabled: true } },
    },
    disks: profile.disks,
    nics: resolveNetworkProfile(state, { networkProfile }, { id, region: vm.region }),
    power,
    provisioningState: 'Succeeded',
  });
  if (vm.guest !== false) {
    await parts.guests.createGuest({
      vmId: id,
      disks: disks.flatMap(({ lun, mountPoint, area }) =>
        mountPoint === undefined ? [] : [{ lun, mountPoint, area }],
      ),
      ...(vm.slotsPerVm === undefined ? {} : { slotsPerVm: vm.slotsPerVm }),
    });
    if (power !== 'running') await parts.guests.powerOff(id);
  }
  return { vmId: id, disks, nicId, ...network };
}

import type { ArmState } from '../arm/arm-state.ts';
import { toSizeGb } from '../arm/disk-body.ts';
import type { JsonObject } from '../arm/json.ts';
import { idKey } from '../arm/resource-id.ts';
import type { FaultAction, FaultList, FaultMatch } from '../front/faults.ts';
import type { RequestLog, RequestLogFilter } from '../front/request-log.ts';
import type { ReadableSecretLedger } from '../front/secret-ledger.ts';
import type { SimulatedGuests } from '../guest/create-guest-agent.ts';
import type { AccessTokens, Identity } from '../identity/access-tokens.ts';
import type { LocalStorageService } from '../storage/storage-service.ts';
import {
  parseBaseline,
  parseBaseNetwork,
  parseDamage,
  parseDenials,
  parseFault,
  parseLock,
  parsePlantedGrant,
  parsePlantedSnapshot,
  parsePower,
  parseRegionOff,
  parseSettings,
  parseToken,
  parseVmScenario,
} from './control-bodies.ts';
import { ControlError, type RegisterControlRoute } from './control-server.ts';
import { compareInventories, type InventoryItem, takeInventory } from './inventory.ts';
import { ensureGroup, ensureNetwork } from './scenario-network.ts';
import { createVmScenario } from './vm-scenario.ts';

export interface ControlParts {
  readonly state: ArmState;
  readonly storage: LocalStorageService;
  readonly guests: SimulatedGuests;
  readonly log: RequestLog;
  readonly faults: FaultList;
  readonly secrets: ReadableSecretLedger;
  readonly tokens: AccessTokens;
  readonly identities: readonly Identity[];
  readonly directory: string;
  readonly seed: string | number;
  readonly info: () => unknown;
}

function readLogFilter(query: URLSearchParams): RequestLogFilter {
  const filter: Record<string, string | number> = {};
  for (const [name, value] of query) {
    filter[name] = name === 'status' || name === 'after' ? Number(value) : value;
  }
  return filter;
}

function registerFrontRoutes(register: RegisterControlRoute, parts: ControlParts): void {
  const { state, faults, log, secrets } = parts;
  register('GET', '/faults', () => faults.list());
  register('POST', '/faults', ({ body }) => {
    const { match, action } = parseFault(body);
    return faults.add(match as FaultMatch, action as FaultAction);
  });
  register('POST', '/faults/clear', () => {
    faults.clear();
    return undefined;
  });
  register('POST', '/faults/:id/remove', ({ params }) => {
    const id = params['id'] ?? '';
    if (!faults.remove(id)) throw new ControlError(404, 'NoSuchFault', `there is no fault ${id}`);
    return undefined;
  });
  register('GET', '/requests', ({ query }) => log.list(readLogFilter(query)));
  register('GET', '/requests/counters', ({ query }) => log.count(readLogFilter(query)));
  register('POST', '/requests/clear', () => {
    log.clear();
    return undefined;
  });
  register('GET', '/regions', () =>
    state.regions.map(({ name, paired }) => ({
      name,
      paired,
      isOff: state.regionSwitch.isOff(name),
    })),
  );
  register('POST', '/regions/:region/off', async ({ params, body }) => {
    state.offAnswer = parseRegionOff(body ?? {}).armAnswers ?? '503';
    const region = params['region'] ?? '';
    state.regionSwitch.turnOff(region);
    await Promise.all(runningVms(parts, region).map((vmId) => parts.guests.powerOff(vmId)));
    return undefined;
  });
  register('POST', '/regions/:region/on', ({ params }) => {
    const region = params['region'] ?? '';
    state.regionSwitch.turnOn(region);
    for (const vmId of runningVms(parts, region)) parts.guests.powerOn(vmId);
    return undefined;
  });
  register('GET', '/secrets', () => secrets.list());
}

/** VMs of a region that run by ARM's account: their guests lose their power with the region. */
function runningVms({ state }: ControlParts, region: string): string[] {
  return state.resources
    .list('Microsoft.Compute/virtualMachines')
    .filter(
      (vm) =>
        vm.region === region.toLowerCase() && state.vms.get(idKey(vm.id))?.power === 'running',
    )
    .map((vm) => vm.id);
}

function registerArmRoutes(register: RegisterControlRoute, parts: ControlParts): void {
  const { state, guests } = parts;
  register('POST', '/vms', ({ body }) => createVmScenario(parts, parseVmScenario(body)));
  register('POST', '/vms/power', async ({ body }) => {
    const { vmId, power } = parsePower(body);
    const vm = state.vms.get(idKey(vmId));
    if (vm === undefined) throw new ControlError(404, 'NoSuchVm', `there is no VM ${vmId}`);
    const wasRunning = vm.power === 'running';
    vm.power = power;
    if (wasRunning && power !== 'running') await guests.powerOff(vmId);
    if (!wasRunning && power === 'running') guests.powerOn(vmId);
    return undefined;
  });
  register('POST', '/networks', ({ body }) => {
    const { name, resourceGroup, region } = parseBaseNetwork(body);
    ensureGroup(state, resourceGroup, region);
    return ensureNetwork(state, { name, resourceGroup, region, publicIp: false });
  });
  register('POST', '/settings', ({ body }) => {
    const changes = parseSettings(body);
    for (const [name, value] of Object.entries(changes)) {
      if (typeof value === 'object' && value.min > value.max) {
        throw new ControlError(400, 'BadInput', `${name}: min is greater than max`);
      }
    }
    state.settings = { ...state.settings, ...changes };
    return state.settings;
  });
  register('GET', '/snapshots', () => state.snapshotRecords);
  register('GET', '/denials', () => state.denials);
  register('POST', '/denials', ({ body }) => {
    state.denials = parseDenials(body).denials;
    return undefined;
  });
  register('POST', '/locks', ({ body }) => {
    const { scope, locked } = parseLock(body);
    if (locked) state.locks.add(idKey(scope));
    else state.locks.delete(idKey(scope));
    return undefined;
  });
  register('POST', '/tokens', ({ body }) => {
    const { identity: name, resource } = parseToken(body);
    const identity = parts.identities.find((known) => known.name === name);
    if (identity === undefined) {
      throw new ControlError(404, 'NoSuchIdentity', `there is no identity ${name}`);
    }
    return parts.tokens.issue(identity, resource);
  });
}

/** Leaks made on purpose, so that a search that should find nothing can be shown to find something. */
function registerPlantRoutes(register: RegisterControlRoute, parts: ControlParts): void {
  const { state } = parts;
  register('POST', '/plants/snapshot', ({ body }) => {
    const { diskId, name, tags } = parsePlantedSnapshot(body);
    const disk = state.resources.get(diskId);
    const content = state.disks.get(idKey(diskId));
    if (disk === undefined || content === undefined) {
      throw new ControlError(404, 'NoSuchDisk', `there is no disk ${diskId}`);
    }
    const id = `/subscriptions/${state.subscriptionId}/resourceGroups/${disk.resourceGroup}/providers/Microsoft.Compute/snapshots/${name}`;
    const uniqueId = state.random.uuid();
    const image = content.store.snapshot();
    const properties: JsonObject = {
      creationData: {
        createOption: 'Copy',
        sourceResourceId: disk.id,
        sourceUniqueId: content.uniqueId,
      },
      incremental: true,
      incrementalSnapshotFamilyId: content.familyId,
      diskSizeBytes: image.sizeBytes,
      diskSizeGB: toSizeGb(image.sizeBytes),
      networkAccessPolicy: 'AllowAll',
      timeCreated: new Date().toISOString(),
      provisioningState: 'Succeeded',
      completionPercent: 100,
      uniqueId,
    };
    state.resources.put({
      id,
      name,
      type: 'Microsoft.Compute/snapshots',
      resourceGroup: disk.resourceGroup,
      region: disk.region,
      tags,
      envelope: { sku: { name: 'Standard_ZRS', tier: 'Standard' } },
      properties,
    });
    state.snapshots.set(idKey(id), {
      uniqueId,
      diskId: idKey(disk.id),
      familyId: content.familyId,
      image,
      instantMs: performance.timeOrigin + performance.now(),
      grant: undefined,
    });
    return { snapshotId: id };
  });
  register('POST', '/plants/grant', ({ body }) => {
    const { snapshotId, durationSeconds } = parsePlantedGrant(body);
    const snapshot = state.resources.get(snapshotId);
    const content = state.snapshots.get(idKey(snapshotId));
    if (snapshot === undefined || content?.image === undefined) {
      throw new ControlError(404, 'NoSuchSnapshot', `there is no finished snapshot ${snapshotId}`);
    }
    const made = state.exports.grantRead({
      region: snapshot.region,
      resourceId: snapshot.id,
      image: content.image,
      familyId: content.familyId,
      durationSeconds: durationSeconds ?? 3600,
      isSnapshot: true,
    });
    content.grant = { ...made, access: 'Read' };
    return made;
  });
  register('POST', '/plants/secret', () => {
    const value = state.random.bytes(32).toString('base64');
    parts.secrets.issued('sas-signature', value);
    return { value };
  });
  register('POST', '/damage', ({ body }) => {
    const { account, container, blob, snapshot, offset } = parseDamage(body);
    parts.storage.damageByte(account, container, blob, snapshot, offset);
    return undefined;
  });
}

function registerInventoryRoutes(register: RegisterControlRoute, parts: ControlParts): void {
  const baselines = new Map<string, readonly InventoryItem[]>();
  register('GET', '/inventory', () => takeInventory(parts));
  register('POST', '/baselines', async ({ body }) => {
    const { name } = parseBaseline(body);
    const items = await takeInventory(parts);
    baselines.set(name, items);
    return { name, items: items.length };
  });
  register('GET', '/baselines/:name/difference', async ({ params }) => {
    const name = params['name'] ?? '';
    const before = baselines.get(name);
    if (before === undefined) {
      throw new ControlError(404, 'NoSuchBaseline', `no baseline ${name} was taken`);
    }
    return compareInventories(before, await takeInventory(parts));
  });
}

/** The control routes of front, ARM, identity and inventory; `control-client.ts` is their client. */
export function registerControlRoutes(register: RegisterControlRoute, parts: ControlParts): void {
  register('GET', '/info', () => parts.info());
  registerFrontRoutes(register, parts);
  registerArmRoutes(register, parts);
  registerPlantRoutes(register, parts);
  registerInventoryRoutes(register, parts);
}

import type { ArmSettings, Denial, SnapshotRecord } from '../arm/arm-state.ts';
import type { Fault, FaultAction, FaultMatch } from '../front/faults.ts';
import type { RequestCounters, RequestLogEntry, RequestLogFilter } from '../front/request-log.ts';
import type { IssuedSecret } from '../front/secret-ledger.ts';
import { type ControlCaller, createControlCaller } from '../guest/control-caller.ts';
import type { LocalAzureInfo } from '../local-azure.ts';
import type { InventoryDifference, InventoryItem } from './inventory.ts';
import type { PlacedScenario, VmScenario } from './scenario-types.ts';

/** The control routes of front, ARM, identity and inventory, for tests and demos in another process. */
export interface ControlClient {
  readonly call: ControlCaller;
  info(): Promise<LocalAzureInfo>;
  createVm(scenario: VmScenario): Promise<PlacedScenario>;
  /** Sets the power at once, without an operation; guests feel it. */
  setPower(vmId: string, power: 'running' | 'deallocated' | 'stopped'): Promise<void>;
  /** A resource group with network, subnet `default` and security group, as a target of restores. */
  createNetwork(options: {
    readonly name: string;
    readonly resourceGroup: string;
    readonly region: string;
  }): Promise<{ readonly subnetId: string; readonly securityGroupId: string }>;
  /** Every snapshot request since the start, with the instant whose content it has. */
  snapshots(): Promise<SnapshotRecord[]>;
  /** Changes latencies and limits of ARM for calls from now on; answers all settings. */
  changeSettings(changes: Partial<ArmSettings>): Promise<ArmSettings>;
  addFault(match: FaultMatch, action: FaultAction): Promise<Fault>;
  removeFault(id: string): Promise<void>;
  clearFaults(): Promise<void>;
  faults(): Promise<Fault[]>;
  requests(filter?: RequestLogFilter): Promise<RequestLogEntry[]>;
  countRequests(filter?: RequestLogFilter): Promise<RequestCounters>;
  clearRequests(): Promise<void>;
  /** Default: ARM answers 503 for what lies in the region. */
  turnRegionOff(region: string, armAnswers?: '503' | 'hangup'): Promise<void>;
  turnRegionOn(region: string): Promise<void>;
  regions(): Promise<
    { readonly name: string; readonly paired?: string; readonly isOff: boolean }[]
  >;
  inventory(): Promise<InventoryItem[]>;
  takeBaseline(name: string): Promise<void>;
  differenceSince(name: string): Promise<InventoryDifference>;
  secrets(): Promise<IssuedSecret[]>;
  /** Replaces all denials; `[]` lifts them. */
  setDenials(denials: readonly Denial[]): Promise<void>;
  setLock(scope: string, locked: boolean): Promise<void>;
  issueToken(
    identity: string,
    resource: string,
  ): Promise<{ readonly token: string; readonly expiresOn: number }>;
  plantSnapshot(options: {
    readonly diskId: string;
    readonly name: string;
    readonly tags?: Readonly<Record<string, string>>;
  }): Promise<{ readonly snapshotId: string }>;
  plantGrant(snapshotId: string): Promise<{ readonly grantId: string; readonly accessSas: string }>;
  /** A signature that counts as issued, to be hidden somewhere and found again. */
  plantSecret(): Promise<{ readonly value: string }>;
  /** Changes one byte of a page blob or of its snapshot, behind everyone's back. */
  damageByte(options: {
    readonly account: string;
    readonly container: string;
    readonly blob: string;
    readonly snapshot?: string;
    readonly offset: number;
  }): Promise<void>;
}

function toQuery(filter: RequestLogFilter): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter)) query.set(name, String(value));
  return query.toString();
}

/** `controlUrl` is the `control` of the line that the local Azure prints. */
export function createControlClient(
  controlUrl: string,
  call: ControlCaller = createControlCaller(controlUrl),
): ControlClient {
  return {
    call,
    info: () => call('GET', '/info'),
    createVm: (scenario) => call('POST', '/vms', scenario),
    setPower: (vmId, power) => call('POST', '/vms/power', { vmId, power }),
    createNetwork: (options) => call('POST', '/networks', options),
    snapshots: () => call('GET', '/snapshots'),
    changeSettings: (changes) => call('POST', '/settings', changes),
    addFault: (match, action) => call('POST', '/faults', { match, action }),
    removeFault: (id) => call('POST', `/faults/${id}/remove`),
    clearFaults: () => call('POST', '/faults/clear'),
    faults: () => call('GET', '/faults'),
    requests: (filter = {}) => call('GET', `/requests?${toQuery(filter)}`),
    countRequests: (filter = {}) => call('GET', `/requests/counters?${toQuery(filter)}`),
    clearRequests: () => call('POST', '/requests/clear'),
    turnRegionOff: (region, armAnswers = '503') =>
      call('POST', `/regions/${region}/off`, { armAnswers }),
    turnRegionOn: (region) => call('POST', `/regions/${region}/on`),
    regions: () => call('GET', '/regions'),
    inventory: () => call('GET', '/inventory'),
    takeBaseline: (name) => call('POST', '/baselines', { name }),
    differenceSince: (name) => call('GET', `/baselines/${encodeURIComponent(name)}/difference`),
    secrets: () => call('GET', '/secrets'),
    setDenials: (denials) => call('POST', '/denials', { denials }),
    setLock: (scope, locked) => call('POST', '/locks', { scope, locked }),
    issueToken: (identity, resource) => call('POST', '/tokens', { identity, resource }),
    plantSnapshot: (options) => call('POST', '/plants/snapshot', options),
    plantGrant: (snapshotId) => call('POST', '/plants/grant', { snapshotId }),
    plantSecret: () => call('POST', '/plants/secret'),
    damageByte: (options) => call('POST', '/damage', options),
  };
}

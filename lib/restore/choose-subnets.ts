import type { CapturedNic } from '../catalog/vm-configuration.ts';
import type { Subnet } from '../ports/network-inventory.ts';
import type { PlanNotes } from './plan-notes.ts';
import type { RestoreRequest } from './restore-request.ts';

export interface SubnetInput {
  readonly request: RestoreRequest;
  readonly source: 'primary' | 'replica';
  readonly region: string;
  /** The app's default subnet for restores. */
  readonly defaultSubnetId?: string;
  readonly subnets: ReadonlyMap<string, Subnet>;
}

/** The subnets that a restore may use, by ids; to be looked up before planning. */
export const subnetsToFind = (
  nics: readonly CapturedNic[],
  request: RestoreRequest,
  source: 'primary' | 'replica',
  defaultSubnetId: string | undefined,
): readonly string[] => {
  const asked = request.overrides?.subnetId;
  if (asked !== undefined) return [asked];
  const captured = nics.flatMap((nic) => nic.ipConfigurations.map((ip) => ip.subnetId));
  return [
    ...new Set([
      ...(defaultSubnetId === undefined ? [] : [defaultSubnetId]),
      // A replica is restored where the VM’s own network is not.
      ...(source === 'primary' ? captured : []),
    ]),
  ];
};

/**
 * Chooses the subnet of an IP configuration: the one asked for, else the app's default where it lies
 * in the region, else, in the VM's own region, the captured one. Undefined after a refusal.
 */
export const createSubnetChoice = (
  input: SubnetInput,
  notes: PlanNotes,
): ((capturedSubnetId: string) => Subnet | undefined) => {
  const refusedOnce = new Set<string>();
  const refuseOnce = (errorCode: string, message: string, target?: string): undefined => {
    const key = `${errorCode} ${target ?? ''}`;
    if (!refusedOnce.has(key)) notes.refuse(errorCode, message, target);
    refusedOnce.add(key);
    return undefined;
  };
  const find = (id: string): Subnet | undefined => input.subnets.get(id.toLowerCase());
  const accept = (id: string): Subnet | undefined => {
    const subnet = find(id);
    if (subnet === undefined) {
      return refuseOnce(
        'SubnetMissing',
        `Subnet ${id} does not exist. Name another one in overrides.subnetId.`,
        id,
      );
    }
    if (subnet.region === input.region) return subnet;
    return refuseOnce(
      'SubnetWrongRegion',
      `Subnet ${id} is in ${subnet.region}, but this copy restores to ${input.region}. ` +
        `Name a subnet in ${input.region} in overrides.subnetId.`,
      id,
    );
  };
  return (capturedSubnetId) => {
    const asked = input.request.overrides?.subnetId;
    if (asked !== undefined) return accept(asked);
    const { defaultSubnetId } = input;
    const isFit = defaultSubnetId !== undefined && find(defaultSubnetId)?.region === input.region;
    if (defaultSubnetId !== undefined && (isFit || input.source === 'replica')) {
      return accept(defaultSubnetId);
    }
    if (input.source === 'primary') return accept(capturedSubnetId);
    return refuseOnce(
      'SubnetMissing',
      `No subnet in ${input.region} is named: set overrides.subnetId, or LOCKSTEP_RESTORE_SUBNET_ID.`,
      'overrides.subnetId',
    );
  };
};

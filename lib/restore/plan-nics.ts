import type { CapturedIpConfiguration, VmConfiguration } from '../catalog/vm-configuration.ts';
import type { Subnet } from '../ports/network-inventory.ts';
import { createSubnetChoice, type SubnetInput } from './choose-subnets.ts';
import type { PlanNotes } from './plan-notes.ts';
import { nameOf } from './restore-names.ts';
import type { CreateNicStep } from './restore-plan.ts';

export interface NicPlanInput extends SubnetInput {
  readonly configuration: VmConfiguration;
  readonly networkSecurityGroupRegions: ReadonlyMap<string, string>;
  /** Chosen id of each NIC, by its index. */
  readonly nicIds: readonly string[];
}

const planAddress = (
  ip: CapturedIpConfiguration,
  subnet: Subnet,
  nicName: string,
  notes: PlanNotes,
): { readonly staticAddress?: string } => {
  if (ip.privateIpAllocation !== 'Static' || ip.privateIpAddress === undefined) return {};
  const address = ip.privateIpAddress;
  if (subnet.subnetId.toLowerCase() === ip.subnetId.toLowerCase()) {
    notes.warn(
      'StaticAddressNotKept',
      `The address ${address} of ${nicName} stays with the original VM; the restored one gets ` +
        'another from the same subnet. Change it once the original is gone.',
      nicName,
    );
    return {};
  }
  if (!subnet.contains(address)) {
    notes.warn(
      'StaticAddressNotKept',
      `The static address ${address} of ${nicName} lies outside ${subnet.addressPrefixes.join(', ')}; ` +
        'the platform chooses another one.',
      nicName,
    );
    return {};
  }
  notes.warn(
    'StaticAddressKept',
    `${nicName} keeps its static address ${address}, which must be free in the new subnet.`,
    nicName,
  );
  return { staticAddress: address };
};

/** Memberships that stay behind, as the NIC's own body names them. */
const warnAboutMemberships = (input: NicPlanInput, index: number, notes: PlanNotes): void => {
  const text = JSON.stringify(input.configuration.raw.nics[index] ?? {});
  const name = input.configuration.nics[index]?.name ?? '';
  for (const [field, words] of [
    ['loadBalancerBackendAddressPools', 'load balancer pools'],
    ['applicationGatewayBackendAddressPools', 'application gateway pools'],
    ['applicationSecurityGroups', 'application security groups'],
  ] as const) {
    if (!text.includes(`"${field}":[{`)) continue;
    notes.warn(
      'NetworkMembershipNotCarriedOver',
      `${name} was a member of ${words}; add the restored NIC to them where it should be.`,
      name,
    );
  }
};

const planSecurityGroup = (
  groupId: string | undefined,
  nicName: string,
  input: NicPlanInput,
  notes: PlanNotes,
): { readonly networkSecurityGroupId?: string } => {
  if (groupId === undefined) return {};
  const region = input.networkSecurityGroupRegions.get(groupId.toLowerCase());
  if (region === input.region) return { networkSecurityGroupId: groupId };
  notes.warn(
    'SecurityGroupNotCarriedOver',
    `${nicName} had the network security group ${nameOf(groupId)}, which ` +
      `${input.region === input.configuration.region ? 'was not found' : `is in ${input.configuration.region}`}: only the subnet’s rules protect ` +
      'the restored NIC. Assign a group of that region.',
    groupId,
  );
  return {};
};

/** Steps that make the NICs; undefined subnets are refused in `notes`. */
export const planNics = (input: NicPlanInput, notes: PlanNotes): readonly CreateNicStep[] => {
  const chooseSubnet = createSubnetChoice(input, notes);
  return input.configuration.nics.map((nic, index) => {
    const nicId = input.nicIds[index] ?? nic.nicId;
    const addresses = nic.ipConfigurations.flatMap((ip) => {
      const subnet = chooseSubnet(ip.subnetId);
      if (ip.publicIpId !== undefined) {
        notes.warn(
          'PublicAddressNotCarriedOver',
          `${nic.name} had the public address ${nameOf(ip.publicIpId)}; the restored NIC has none.`,
          ip.publicIpId,
        );
      }
      if (subnet === undefined) return [];
      return [
        {
          name: ip.name,
          primary: ip.primary,
          subnetId: subnet.subnetId,
          ...planAddress(ip, subnet, nic.name, notes),
        },
      ];
    });
    warnAboutMemberships(input, index, notes);
    const where = [...new Set(addresses.map((one) => nameOf(one.subnetId)))].join(', ');
    return {
      id: `nic-${index}`,
      kind: 'createNic' as const,
      what: `Make network interface ${nameOf(nicId)} in subnet ${where}`,
      reason: `The VM had ${nic.name} with ${nic.ipConfigurations.length} IP configuration(s)`,
      nicIndex: index,
      nicId,
      ...planSecurityGroup(nic.networkSecurityGroupId, nic.name, input, notes),
      addresses,
    };
  });
};

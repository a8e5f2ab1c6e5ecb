import { expect } from 'vitest';
import type { VmConfiguration } from '../../lib/catalog/vm-configuration.ts';
import type { ControlClient } from '../local-azure/control/control-client.ts';
import type { FaultAction, FaultMatch } from '../local-azure/front/faults.ts';

/** Without ids and whatever else a new resource must have of its own. */
export const comparable = (configuration: VmConfiguration) => ({
  name: configuration.name,
  size: configuration.size,
  zones: configuration.zones,
  tags: configuration.tags,
  osType: configuration.osType,
  securityProfile: configuration.securityProfile,
  licenseType: configuration.licenseType,
  plan: configuration.plan,
  identityType: configuration.identity?.['type'],
  diagnosticsProfile: configuration.diagnosticsProfile,
  disks: configuration.disks.map(({ diskId: _id, diskUniqueId: _unique, ...disk }) => disk),
  nics: configuration.nics.map(
    ({ nicId: _id, networkSecurityGroupId: _group, ipConfigurations, ...nic }) => ({
      ...nic,
      ipConfigurations: ipConfigurations.map((ip) => ({
        name: ip.name,
        primary: ip.primary,
        privateIpAllocation: ip.privateIpAllocation,
      })),
    }),
  ),
});

/** Runs `act` under a fault, which has to strike. */
export const underFault = async <T>(
  control: ControlClient,
  match: FaultMatch,
  action: FaultAction,
  act: () => Promise<T>,
): Promise<T> => {
  const fault = await control.addFault(match, action);
  try {
    const result = await act();
    const hits = (await control.faults()).find((one) => one.id === fault.id)?.hits;
    expect(hits).toBeGreaterThan(0);
    return result;
  } finally {
    await control.removeFault(fault.id);
  }
};

import { MalformedDataError } from '../errors.ts';

const VM_ID =
  /^\/?subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Compute\/virtualMachines\/([^/]+)$/i;

export interface VmAddress {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

/** The parts of a VM's ARM id, in any case; undefined when it is none. */
export const findVmAddress = (vmId: string): VmAddress | undefined => {
  const [, subscriptionId, resourceGroup, name] = VM_ID.exec(vmId) ?? [];
  return subscriptionId === undefined || resourceGroup === undefined || name === undefined
    ? undefined
    : { subscriptionId, resourceGroup, name };
};

/** As `findVmAddress`; throws `MalformedDataError` when it is none. */
export const vmAddressOf = (vmId: string): VmAddress => {
  const address = findVmAddress(vmId);
  if (address !== undefined) return address;
  throw new MalformedDataError(`'${vmId}' is not the id of a virtual machine`, { target: 'vmId' });
};

import { MalformedDataError } from '../errors.ts';

export interface ResourceAddress {
  readonly resourceGroup: string;
  readonly name: string;
}

const RESOURCE_ID =
  /^\/?subscriptions\/[^/]+\/resourceGroups\/([^/]+)\/providers\/([^/]+\/[^/]+)\/([^/]+)$/i;

/**
 * Group and name of a resource of the type (`Microsoft.Compute/disks`), by its ARM id in any case.
 * Throws `MalformedDataError` when it is none.
 */
export const resourceAddressOf = (id: string, type: string): ResourceAddress => {
  const [, resourceGroup, foundType, name] = RESOURCE_ID.exec(id) ?? [];
  if (
    resourceGroup === undefined ||
    name === undefined ||
    foundType?.toLowerCase() !== type.toLowerCase()
  ) {
    throw new MalformedDataError(`'${id}' is not the id of a ${type}`, { target: id });
  }
  return { resourceGroup, name };
};

/** A region as its name: ARM also answers display names. */
export const regionNameOf = (location: string | undefined): string =>
  (location ?? '').toLowerCase().replaceAll(' ', '');

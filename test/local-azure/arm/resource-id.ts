/** The parts of a resource id; `type` and names as written, compare them case-insensitively. */
export interface ResourceId {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** `Microsoft.Compute/disks`, `Microsoft.Compute/virtualMachines/runCommands` */
  readonly type: string;
  /** The last name. */
  readonly name: string;
  /** All names, parents first. */
  readonly names: readonly string[];
}

const pattern =
  /^\/?subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/([^/]+)((?:\/[^/]+\/[^/]+)+)\/?$/i;

export function parseResourceId(id: string): ResourceId | undefined {
  const match = pattern.exec(id);
  const [, subscriptionId, resourceGroup, namespace, tail] = match ?? [];
  if (!subscriptionId || !resourceGroup || !namespace || !tail) return undefined;
  const parts = tail.slice(1).split('/');
  const types = parts.filter((_part, index) => index % 2 === 0);
  const names = parts.filter((_part, index) => index % 2 === 1);
  return {
    subscriptionId,
    resourceGroup,
    type: [namespace, ...types].join('/'),
    name: names.at(-1) ?? '',
    names,
  };
}

/** The form in which ids are compared and kept: lower case, one leading slash, no trailing one. */
export function idKey(id: string): string {
  const lower = id.toLowerCase();
  const slashed = lower.startsWith('/') ? lower : `/${lower}`;
  return slashed.endsWith('/') ? slashed.slice(0, -1) : slashed;
}

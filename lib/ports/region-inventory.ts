/** Regions and what a restore needs to find in them. Throws what a retry may cure. */
export interface RegionInventory {
  /** `/subscriptions/<id>/resourceGroups/<name>` in the app's own subscription. */
  resourceGroupId(name: string): string;
  hasResourceGroup(name: string): Promise<boolean>;
  findStorageAccount(id: string): Promise<{ readonly region: string } | undefined>;
  /** The availability zones that the subscription has there, `1`, `2`, …; undefined: unknown region. */
  listZones(region: string): Promise<readonly string[] | undefined>;
  /** Undefined when the platform does not tell. */
  isSizeOffered(region: string, size: string): Promise<boolean | undefined>;
}

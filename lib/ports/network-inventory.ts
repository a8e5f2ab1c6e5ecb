export interface Subnet {
  readonly subnetId: string;
  /** Region of its virtual network; lower case, without spaces. */
  readonly region: string;
  /** CIDR: `10.1.0.0/24`. */
  readonly addressPrefixes: readonly string[];
  /** Whether an IP address lies in one of the prefixes; false for what is no address. */
  contains(address: string): boolean;
}

/** Networks, as a restore looks at them. Throws what a retry may cure. */
export interface NetworkInventory {
  /** Undefined when it or its virtual network does not exist. */
  findSubnet(subnetId: string): Promise<Subnet | undefined>;
  findNetworkSecurityGroup(id: string): Promise<{ readonly region: string } | undefined>;
}

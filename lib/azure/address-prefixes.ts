import { BlockList, isIP } from 'node:net';

/** Whether an IP address lies in one of the prefixes (`10.1.0.0/24`, `fd00::/64`). */
export const isInPrefixes = (prefixes: readonly string[], address: string): boolean => {
  const family = isIP(address);
  if (family === 0) return false;
  const name = family === 6 ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  for (const prefix of prefixes) {
    const [network = '', bits = ''] = prefix.split('/');
    if (isIP(network) === family && /^\d{1,3}$/.test(bits)) {
      list.addSubnet(network, Number(bits), name);
    }
  }
  return list.check(address, name);
};

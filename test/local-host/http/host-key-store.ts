import { randomBytes } from 'node:crypto';
import type { Store } from '../durable/store.ts';
import type { HostKeys } from './host-keys.ts';

/** The keys of this host: those given, else those of the last start, else new random ones. */
export function readHostKeys(
  store: Store,
  given: { functionKey?: string; masterKey?: string },
): HostKeys {
  const read = (name: keyof HostKeys, value: string | undefined): string => {
    const key = value ?? store.getMeta(name) ?? randomBytes(40).toString('base64url');
    store.setMeta(name, key);
    return key;
  };
  return {
    functionKey: read('functionKey', given.functionKey),
    masterKey: read('masterKey', given.masterKey),
    systemKey: read('systemKey', undefined),
  };
}

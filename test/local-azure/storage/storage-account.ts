import { randomBytes } from 'node:crypto';

export interface StorageAccountOptions {
  /** 3 to 24 lower-case letters and digits, unique over all regions. */
  readonly name: string;
  readonly region: string;
  /** Base64 of 64 bytes; drawn when missing. */
  readonly key?: string;
}

export interface StorageAccount {
  readonly name: string;
  readonly region: string;
  readonly key: string;
  /** `https://127.0.0.1:PORT/<name>`, path-style. */
  readonly blobEndpoint: string;
  readonly tableEndpoint: string;
  readonly queueEndpoint: string;
  readonly connectionString: string;
}

export interface KeyedAccount {
  readonly name: string;
  readonly region: string;
  readonly key: string;
}

/** Throws a RangeError for a name that Azure would not take, a name twice, an unknown region. */
export function prepareAccounts(
  accounts: readonly StorageAccountOptions[],
  regions: readonly string[],
): KeyedAccount[] {
  const names = new Set<string>();
  return accounts.map(({ name, region, key }) => {
    if (!/^[a-z0-9]{3,24}$/.test(name)) {
      throw new RangeError(
        `storage account name '${name}' is not 3 to 24 lower-case letters and digits`,
      );
    }
    if (names.has(name)) {
      throw new RangeError(`two storage accounts are named '${name}'`);
    }
    if (!regions.includes(region)) {
      throw new RangeError(
        `storage account '${name}' is in '${region}', which is none of ${regions.join(', ')}`,
      );
    }
    names.add(name);
    return { name, region, key: key ?? randomBytes(64).toString('base64') };
  });
}

/** `origins` are those of the account's region. */
export function describeAccount(
  account: KeyedAccount,
  origins: Readonly<Record<'blob' | 'table' | 'queue', string>>,
): StorageAccount {
  const blobEndpoint = `${origins.blob}/${account.name}`;
  const tableEndpoint = `${origins.table}/${account.name}`;
  const queueEndpoint = `${origins.queue}/${account.name}`;
  return {
    ...account,
    blobEndpoint,
    tableEndpoint,
    queueEndpoint,
    connectionString: [
      'DefaultEndpointsProtocol=https',
      `AccountName=${account.name}`,
      `AccountKey=${account.key}`,
      `BlobEndpoint=${blobEndpoint}`,
      `QueueEndpoint=${queueEndpoint}`,
      `TableEndpoint=${tableEndpoint}`,
      '',
    ].join(';'),
  };
}

/** What the page-blob side asks Azurite: containers, other blobs, stored access policies, listings. */
import type { StoredAccessPolicy } from './authorize.ts';
import type { AzuriteClient } from './azurite-client.ts';
import type { ListedBlob } from './list-blobs.ts';
import { readListedBlobs } from './list-blobs.ts';
import type { ElsewhereState } from './page-blob-requests.ts';
import { unescapeXml } from './xml.ts';

export interface ListedContainer {
  readonly name: string;
  readonly isLeased: boolean;
}

export interface AzuriteQueries {
  lookElsewhere(account: string, container: string, blob: string): Promise<ElsewhereState>;
  findPolicy(
    account: string,
    container: string,
    identifier: string,
  ): Promise<StoredAccessPolicy | undefined>;
  /** Everything under the prefix, over all pages. `include` as in List Blobs. */
  listBlobs(
    account: string,
    container: string,
    prefix: string,
    include: string,
  ): Promise<ListedBlob[]>;
  listContainers(account: string): Promise<ListedContainer[]>;
}

/** Asks with the account key. Throws an Error for an answer that it did not expect. */
export function createAzuriteQueries(client: AzuriteClient): AzuriteQueries {
  const encodePath = (name: string) => name.split('/').map(encodeURIComponent).join('/');

  async function get(account: string, path: string, query: Readonly<Record<string, string>>) {
    const answer = await client.request({ account, method: 'GET', path, query });
    if (answer.status !== 200) {
      throw new Error(`Azurite answered ${answer.status} to GET ${path}: ${answer.body}`);
    }
    return answer.body.toString('utf8');
  }

  return {
    async lookElsewhere(account, container, blob) {
      const answer = await client.request({
        account,
        method: 'HEAD',
        path: `/${account}/${encodeURIComponent(container)}/${encodePath(blob)}`,
      });
      if (answer.status === 200) {
        return 'another blob type';
      }
      if (answer.status !== 404) {
        throw new Error(`Azurite answered ${answer.status} to HEAD of ${container}/${blob}`);
      }
      return answer.headers['x-ms-error-code'] === 'ContainerNotFound' ? 'no container' : 'no blob';
    },

    async findPolicy(account, container, identifier) {
      const xml = await get(account, `/${account}/${container}`, {
        comp: 'acl',
        restype: 'container',
      });
      for (const [element] of xml.matchAll(/<SignedIdentifier>.*?<\/SignedIdentifier>/gs)) {
        const read = (name: string) => {
          const text = new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(element)?.[1];
          return text === undefined ? undefined : unescapeXml(text);
        };
        if (read('Id') === identifier) {
          return { start: read('Start'), expiry: read('Expiry'), permissions: read('Permission') };
        }
      }
      return undefined;
    },

    async listBlobs(account, container, prefix, include) {
      const found: ListedBlob[] = [];
      let marker = '';
      do {
        const xml = await get(account, `/${account}/${container}`, {
          restype: 'container',
          comp: 'list',
          ...(prefix === '' ? {} : { prefix }),
          ...(include === '' ? {} : { include }),
          ...(marker === '' ? {} : { marker }),
        });
        const page = readListedBlobs(xml);
        found.push(...page.blobs);
        marker = page.nextMarker;
      } while (marker !== '');
      return found;
    },

    async listContainers(account) {
      const found: ListedContainer[] = [];
      let marker = '';
      do {
        const xml = await get(account, `/${account}`, {
          comp: 'list',
          ...(marker === '' ? {} : { marker }),
        });
        for (const [element] of xml.matchAll(/<Container>.*?<\/Container>/gs)) {
          found.push({
            name: unescapeXml(/<Name>(.*?)<\/Name>/s.exec(element)?.[1] ?? ''),
            isLeased: element.includes('<LeaseState>leased</LeaseState>'),
          });
        }
        marker = unescapeXml(/<NextMarker>(.*?)<\/NextMarker>/s.exec(xml)?.[1] ?? '');
      } while (marker !== '');
      return found;
    },
  };
}

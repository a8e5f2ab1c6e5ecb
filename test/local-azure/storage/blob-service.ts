/** The blob endpoint of a region: page blobs here, all else in Azurite, listings from both. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { SecretLedger } from '../contracts.ts';
import type { AzuriteClient } from './azurite-client.ts';
import type { AzuriteQueries } from './azurite-queries.ts';
import type { Exchange } from './exchange.ts';
import { answerErrors, openExchange, sendXml } from './exchange.ts';
import type { ListedBlob } from './list-blobs.ts';
import { listPageBlobs, renderList } from './list-blobs.ts';
import type { PageBlobParts } from './page-blob-requests.ts';
import { answerPageBlobRequest, isPageBlobRequest } from './page-blob-requests.ts';
import type { StorageError } from './storage-error.ts';
import { storageErrors } from './storage-error.ts';
import type { UserDelegationKeys } from './user-delegation-keys.ts';

export interface BlobServiceParts extends PageBlobParts {
  readonly azurite: AzuriteClient;
  readonly queries: AzuriteQueries;
  readonly delegationKeys: UserDelegationKeys;
  readonly ledger: SecretLedger;
  /** Whether the account is one of this region. */
  hasAccount(name: string): boolean;
}

/** The handler of the front. */
export function createBlobService(
  parts: BlobServiceParts,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return (request, response) =>
    answerErrors(request, response, async () => {
      const exchange = openExchange(request, response);
      if (!parts.hasAccount(exchange.account)) {
        await parts.azurite.forward(request, response);
      } else if (exchange.blob !== '') {
        await answerBlob(exchange, parts);
      } else {
        await answerContainerOrAccount(exchange, parts);
      }
    });
}

async function answerBlob(exchange: Exchange, parts: BlobServiceParts): Promise<void> {
  if (isPageBlobRequest(exchange, parts)) {
    await answerPageBlobRequest(exchange, parts);
  } else {
    await parts.azurite.forward(exchange.request, exchange.response, { refuse: refuseEmptyRange });
  }
}

/**
 * Azurite 3.37 answers a range that begins exactly at the end of a blob with 206 and no bytes; the
 * service says InvalidRange, since the range begins outside ("Specifying the range header").
 */
function refuseEmptyRange(status: number, headers: IncomingHttpHeaders): StorageError | undefined {
  return status === 206 && headers['content-length'] === '0'
    ? storageErrors.invalidRange(Number(headers['content-range']?.split('/')[1] ?? 0))
    : undefined;
}

async function answerContainerOrAccount(
  exchange: Exchange,
  parts: BlobServiceParts,
): Promise<void> {
  const { request, response, query, method, account, container } = exchange;
  const comp = query.get('comp');
  if (method === 'POST' && comp === 'userdelegationkey' && container === '') {
    await parts.azurite.forward(request, response, {
      onBody: (body) => {
        const key = parts.delegationKeys.remember(account, body);
        if (key !== undefined) {
          parts.ledger.issued('account-key', key);
        }
      },
    });
    return;
  }
  const isContainer = container !== '' && query.get('restype') === 'container';
  if (isContainer && method === 'DELETE' && comp === null) {
    await parts.azurite.forward(request, response, {
      onStatus: (status) => {
        if (status === 202) {
          parts.blobs.removeContainer(account, container);
        }
      },
    });
    return;
  }
  const isList = isContainer && method === 'GET' && comp === 'list';
  if (isList && parts.blobs.list(account, container).length > 0) {
    await answerList(exchange, parts);
    return;
  }
  await parts.azurite.forward(request, response);
}

/**
 * Azurite answers the request itself first, so that it is authorised and checked there; only a
 * success is replaced by the list of both.
 */
async function answerList(exchange: Exchange, parts: BlobServiceParts): Promise<void> {
  const { query, account, container } = exchange;
  const verdict = await parts.azurite.ask(exchange.request);
  if (verdict.status !== 200) {
    exchange.response.writeHead(verdict.status, verdict.passedHeaders);
    exchange.response.end(verdict.body);
    return;
  }
  const prefix = query.get('prefix') ?? '';
  const include = (query.get('include') ?? '').toLowerCase();
  const maxResultsText = query.get('maxresults');
  const ours = parts.blobs.list(account, container).filter(({ name }) => name.startsWith(prefix));
  const listed: ListedBlob[] = [
    ...(await parts.queries.listBlobs(account, container, prefix, include)),
    ...listPageBlobs(ours, new Set(include.split(','))),
  ];
  const xml = renderList(listed, {
    endpoint: `https://${exchange.request.headers.host ?? ''}/${account}`,
    container,
    prefix,
    delimiter: query.get('delimiter') ?? '',
    marker: query.get('marker') ?? '',
    maxResults: maxResultsText === null ? undefined : Number(maxResultsText),
  });
  sendXml(exchange, 200, xml);
}

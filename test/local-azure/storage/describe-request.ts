/** Names of operations, as the REST documentation has them, for the request log and the faults. */
import type { IncomingMessage } from 'node:http';
import type { RequestDescription, ServiceName } from '../contracts.ts';

const BLOB_OPERATIONS: Readonly<Record<string, string>> = {
  GET: 'Get Blob',
  HEAD: 'Get Blob Properties',
  PUT: 'Put Blob',
  DELETE: 'Delete Blob',
  'GET pagelist': 'Get Page Ranges',
  'GET metadata': 'Get Blob Metadata',
  'PUT page': 'Put Page',
  'PUT properties': 'Set Blob Properties',
  'PUT metadata': 'Set Blob Metadata',
  'PUT snapshot': 'Snapshot Blob',
  'PUT lease': 'Lease Blob',
  'PUT appendblock': 'Append Block',
  'PUT block': 'Put Block',
  'PUT blocklist': 'Put Block List',
  'GET blocklist': 'Get Block List',
  'PUT copy': 'Abort Copy Blob',
  'PUT incrementalcopy': 'Incremental Copy Blob',
};

const CONTAINER_OPERATIONS: Readonly<Record<string, string>> = {
  PUT: 'Create Container',
  GET: 'Get Container Properties',
  HEAD: 'Get Container Properties',
  DELETE: 'Delete Container',
  'GET list': 'List Blobs',
  'PUT lease': 'Lease Container',
  'GET acl': 'Get Container ACL',
  'PUT acl': 'Set Container ACL',
  'PUT metadata': 'Set Container Metadata',
};

const ACCOUNT_OPERATIONS: Readonly<Record<string, string>> = {
  'GET list': 'List Containers',
  'POST userdelegationkey': 'Get User Delegation Key',
  'POST batch': 'Blob Batch',
};

/** For `blob` and `disk`; the others are told apart by method and path. */
export function describeRequest(
  service: ServiceName,
  request: IncomingMessage,
): RequestDescription {
  if (service !== 'blob' && service !== 'disk') {
    return {};
  }
  const [path = '', queryText = ''] = (request.url ?? '').split('?', 2);
  const query = new URLSearchParams(queryText);
  const key = `${request.method ?? ''} ${query.get('comp') ?? ''}`.trim();
  const depth = path.split('/').filter((part) => part !== '').length;
  if (depth < 2) {
    return named(ACCOUNT_OPERATIONS[key]);
  }
  if (depth === 2 && query.get('restype') === 'container') {
    return named(CONTAINER_OPERATIONS[key]);
  }
  const operation = BLOB_OPERATIONS[key];
  const hasSource = request.headers['x-ms-copy-source'] !== undefined;
  const isDiff =
    query.has('prevsnapshot') || request.headers['x-ms-previous-snapshot-url'] !== undefined;
  if (key === 'PUT' && hasSource) {
    return { operation: 'Copy Blob' };
  }
  if (key === 'PUT page') {
    const isClear = String(request.headers['x-ms-page-write']).toLowerCase() === 'clear';
    return { operation: hasSource ? 'Put Page From URL' : isClear ? 'Clear Page' : 'Put Page' };
  }
  if (key === 'GET pagelist' && isDiff) {
    return { operation: 'Get Page Ranges Diff' };
  }
  return named(operation);
}

function named(operation: string | undefined): RequestDescription {
  return operation === undefined ? {} : { operation };
}

import { type ClientLinkOptions, createInstanceLinks } from './client-links.ts';
import type { ClientOperations, ClientReply, InstanceFilter } from './client-operations.ts';
import { describeInstance } from './instance-status.ts';
import type { Store } from './store.ts';

export interface DurableRequest {
  method: string;
  /** Decoded segments behind the base, for example `['instances', 'abc', 'terminate']`. */
  segments: string[];
  query: URLSearchParams;
  body: string;
  continuationToken: string | undefined;
}

/** Most instances in one page of a listing. */
const PAGE_SIZE = 100;

function toFilter(query: URLSearchParams): InstanceFilter | string {
  const filter: InstanceFilter = {};
  for (const [key, target] of [
    ['createdTimeFrom', 'createdFromMs'],
    ['createdTimeTo', 'createdToMs'],
  ] as const) {
    const text = query.get(key);
    if (text) {
      const ms = Date.parse(text);
      if (Number.isNaN(ms)) {
        return `${key} is not a date: ${text}`;
      }
      filter[target] = ms;
    }
  }
  const statuses = query.get('runtimeStatus');
  if (statuses) {
    filter.statuses = statuses.split(',');
  }
  return filter;
}

/** Answers the HTTP interface of the Durable extension, for clients of the app and for the webhook alike. */
export function createDurableEndpoints(
  operations: ClientOperations,
  store: Store,
  links: ClientLinkOptions,
): (request: DurableRequest) => ClientReply {
  function show(request: DurableRequest, id: string): ClientReply {
    const row = operations.find(id);
    if (!row) {
      return { status: 404 };
    }
    const { query } = request;
    const body = describeInstance(
      row,
      {
        showHistory: query.get('showHistory') === 'true',
        showHistoryOutput: query.get('showHistoryOutput') === 'true',
        showInput: query.get('showInput') !== 'false',
      },
      store,
    );
    const isLive =
      row.status === 'Running' || row.status === 'Pending' || row.status === 'Suspended';
    return { status: isLive ? 202 : 200, body };
  }

  function list(request: DurableRequest, filter: InstanceFilter): ClientReply {
    const rows = operations.list(filter);
    const from = Number.parseInt(request.continuationToken ?? '0', 10) || 0;
    const top = Number.parseInt(request.query.get('top') ?? '', 10) || PAGE_SIZE;
    const next = from + top;
    const options = {
      showHistory: false,
      showHistoryOutput: false,
      showInput: request.query.get('showInput') !== 'false',
    };
    return {
      status: 200,
      body: rows.slice(from, next).map((row) => describeInstance(row, options, store)),
      headers: { 'x-ms-continuation-token': next < rows.length ? String(next) : '' },
    };
  }

  function start(request: DurableRequest, name: string, id: string | undefined): ClientReply {
    const version = request.query.get('version') ?? undefined;
    const reply = operations.startInstance(name, id, request.body, version);
    if (reply.instanceId === undefined) {
      return reply;
    }
    const body = createInstanceLinks(links, reply.instanceId);
    return {
      status: 202,
      body,
      headers: { location: body['statusQueryGetUri'] ?? '', 'retry-after': '10' },
    };
  }

  function act(request: DurableRequest, id: string, verb: string, detail?: string): ClientReply {
    const reason = request.query.get('reason') ?? '';
    switch (verb.toLowerCase()) {
      case 'raiseevent':
        return detail
          ? operations.raiseEvent(id, detail, request.body)
          : { status: 400, body: { Message: 'The name of the event is missing.' } };
      case 'terminate':
        return operations.terminate(id, reason);
      case 'suspend':
        return operations.suspend(id, reason);
      case 'resume':
        return operations.resume(id, reason);
      case 'rewind':
        return operations.rewind(id, reason);
      case 'restart':
        return { status: 501, body: 'restart is not modelled by the local host' };
      default:
        return { status: 404 };
    }
  }

  return (request) => {
    const { method, segments } = request;
    const [kind, first, second, third] = segments;
    if (kind === 'orchestrators' && first && method === 'POST' && segments.length <= 3) {
      return start(request, first, second);
    }
    if (kind === 'entities') {
      return { status: 501, body: 'entities are not modelled by the local host' };
    }
    if (kind !== 'instances' || segments.length > 4) {
      return { status: 404 };
    }
    if (!first) {
      const filter = toFilter(request.query);
      if (typeof filter === 'string') {
        return { status: 400, body: { Message: filter } };
      }
      return method === 'DELETE' ? operations.purgeBy(filter) : list(request, filter);
    }
    if (second) {
      return method === 'POST' ? act(request, first, second, third) : { status: 404 };
    }
    return method === 'DELETE' ? operations.purge(first) : show(request, first);
  };
}

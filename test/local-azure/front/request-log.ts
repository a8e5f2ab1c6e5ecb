import type { ServiceName } from '../contracts.ts';

export interface RequestLogEntry {
  /** Counts from 1 over all services. */
  readonly number: number;
  readonly service: ServiceName;
  readonly region?: string;
  readonly method: string;
  /** With its query, the values of secret parameters replaced. */
  readonly path: string;
  readonly operation?: string;
  /** Name of the managed identity that asked; ARM only. */
  readonly identity?: string;
  /** 0 when the connection was cut before an answer. */
  readonly status: number;
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly endMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Id of the fault that changed this answer. */
  readonly fault?: string;
}

/** Which entries; every given field must agree. `pathPattern` is a regular expression. */
export interface RequestLogFilter {
  readonly service?: ServiceName;
  readonly region?: string;
  readonly method?: string;
  readonly operation?: string;
  readonly identity?: string;
  readonly pathPattern?: string;
  readonly status?: number;
  /** Only entries with a greater number. */
  readonly after?: number;
}

export interface RequestCounters {
  readonly requests: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly byOperation: Readonly<Record<string, number>>;
  readonly byStatus: Readonly<Record<string, number>>;
}

export interface RequestLog {
  /** The number of the next entry: requests are numbered when they arrive. */
  nextNumber(): number;
  add(entry: RequestLogEntry): void;
  list(filter?: RequestLogFilter): readonly RequestLogEntry[];
  count(filter?: RequestLogFilter): RequestCounters;
  clear(): void;
}

const keptEntries = 200_000;
const secretParameters = new Set(['sig', 'p', 't', 'c', 's', 'h', 'x-ms-copy-source', 'code']);

/** The path and query of a request, fit to be logged. */
export function pathWithoutSecrets(url: string): string {
  const mark = url.indexOf('?');
  if (mark < 0) return url;
  const query = url
    .slice(mark + 1)
    .split('&')
    .map((pair) => {
      const name = pair.split('=', 1)[0] ?? '';
      return secretParameters.has(name.toLowerCase()) ? `${name}=…` : pair;
    });
  return `${url.slice(0, mark)}?${query.join('&')}`;
}

export function createRequestLog(): RequestLog {
  let entries: RequestLogEntry[] = [];
  let lastNumber = 0;

  function list(filter: RequestLogFilter = {}): readonly RequestLogEntry[] {
    const pattern = filter.pathPattern === undefined ? undefined : new RegExp(filter.pathPattern);
    return entries.filter(
      (entry) =>
        (filter.service === undefined || entry.service === filter.service) &&
        (filter.region === undefined || entry.region === filter.region) &&
        (filter.method === undefined || entry.method === filter.method) &&
        (filter.operation === undefined || entry.operation === filter.operation) &&
        (filter.identity === undefined || entry.identity === filter.identity) &&
        (filter.status === undefined || entry.status === filter.status) &&
        (filter.after === undefined || entry.number > filter.after) &&
        (pattern === undefined || pattern.test(entry.path)),
    );
  }

  return {
    nextNumber() {
      lastNumber += 1;
      return lastNumber;
    },
    add(entry) {
      entries.push(entry);
      if (entries.length > keptEntries) entries = entries.slice(keptEntries / 2);
    },
    list,
    count(filter) {
      const byOperation: Record<string, number> = {};
      const byStatus: Record<string, number> = {};
      let requestBytes = 0;
      let responseBytes = 0;
      const found = list(filter);
      for (const entry of found) {
        const operation = `${entry.service} ${entry.operation ?? entry.method}`;
        byOperation[operation] = (byOperation[operation] ?? 0) + 1;
        byStatus[entry.status] = (byStatus[entry.status] ?? 0) + 1;
        requestBytes += entry.requestBytes;
        responseBytes += entry.responseBytes;
      }
      return { requests: found.length, requestBytes, responseBytes, byOperation, byStatus };
    },
    clear() {
      entries = [];
    },
  };
}

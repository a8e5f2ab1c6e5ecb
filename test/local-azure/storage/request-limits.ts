/** The scalability targets of one standard page blob, as a switchable limit. */
import { storageErrors } from './storage-error.ts';

export interface PageBlobLimits {
  /** 500 on Azure ("Scalability targets for Blob storage"). */
  readonly requestsPerSecond: number;
  /** 60 MiB on Azure. */
  readonly bytesPerSecond: number;
}

export interface RequestLimiter {
  /** Throws ServerBusy, without Retry-After as on Azure, when the blob is over its limit. */
  admit(blob: object, bytes: number): void;
}

interface Window {
  startMs: number;
  requests: number;
  bytes: number;
}

/** `limits` undefined: everything is admitted. Counted in windows of one second. */
export function createRequestLimiter(limits: PageBlobLimits | undefined): RequestLimiter {
  const windows = new WeakMap<object, Window>();
  return {
    admit(blob, bytes) {
      if (limits === undefined) {
        return;
      }
      const nowMs = performance.now();
      const known = windows.get(blob);
      const window =
        known === undefined || nowMs - known.startMs >= 1000
          ? { startMs: nowMs, requests: 0, bytes: 0 }
          : known;
      windows.set(blob, window);
      if (window.requests + 1 > limits.requestsPerSecond) {
        throw storageErrors.serverBusy('Operations per second is over the account limit.');
      }
      // A single request larger than the limit still gets through, alone in its second.
      if (window.bytes > 0 && window.bytes + bytes > limits.bytesPerSecond) {
        throw storageErrors.serverBusy('Ingress is over the account limit.');
      }
      window.requests += 1;
      window.bytes += bytes;
    },
  };
}

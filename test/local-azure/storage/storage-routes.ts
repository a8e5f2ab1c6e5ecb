/** Control routes that show what was written to page blobs, and their typed client. */
import type { RegisterControlRoute } from '../control/control-server.ts';
import type { ControlCaller } from '../guest/control-caller.ts';
import type { LocalStorageService } from './storage-service.ts';

export interface PageBlobReport {
  readonly account: string;
  readonly region: string;
  readonly container: string;
  readonly blob: string;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** Their times, oldest first. */
  readonly snapshots: readonly string[];
  /** Bytes of bodies that Put Page has written. */
  readonly putPageBytes: number;
  /** Bytes that Put Page From URL has written. */
  readonly putPageFromUrlBytes: number;
  /** Requests to the blob since it exists, reads among them. */
  readonly requests: number;
}

/** Adds `GET /storage/page-blobs`. */
export function registerStorageRoutes(
  register: RegisterControlRoute,
  storage: Pick<LocalStorageService, 'pageBlobs'>,
): void {
  register('GET', '/storage/page-blobs', () => storage.pageBlobs());
}

export interface StorageClient {
  /** Every page blob of every account, with what was written to it. */
  pageBlobs(): Promise<PageBlobReport[]>;
}

/** Calls the routes of `registerStorageRoutes`. */
export function createStorageClient(call: ControlCaller): StorageClient {
  return {
    pageBlobs: () => call<PageBlobReport[]>('GET', '/storage/page-blobs'),
  };
}

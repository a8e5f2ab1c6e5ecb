/** Where Put Page From URL and Copy Blob read: described by the request, opened by the service. */
import type { ByteRange, PageImage } from '../contracts.ts';
import { checkSourceConditions } from './conditions.ts';
import type { Exchange } from './exchange.ts';
import { header } from './exchange.ts';
import type { BlobState } from './page-blob.ts';
import { StorageError, storageErrors } from './storage-error.ts';

export interface CopySourceRequest {
  readonly url: string;
  /** `Bearer …` for the source, from `x-ms-copy-source-authorization`. */
  readonly authorization: string | undefined;
  /** Judges the source conditions of the request. Throws SourceConditionNotMet. */
  checkConditions(state: BlobState): void;
  /** Passed on where the source has to judge by itself. */
  readonly conditionHeaders: Readonly<Record<string, string>>;
}

/** Throws CannotVerifyCopySource when the source refuses. Exactly the bytes of `range`. */
export type ReadCopySource = (
  source: CopySourceRequest & { readonly range: ByteRange },
) => Promise<Buffer>;

export interface OpenedCopySource {
  readonly image: PageImage;
  readonly state: BlobState;
}

/** Undefined when the source is no page blob of ours. */
export type OpenCopySource = (source: CopySourceRequest) => Promise<OpenedCopySource | undefined>;

/** Reads the source headers of a request. Throws InvalidHeaderValue for a URL that is not https. */
export function sourceRequest(exchange: Exchange, copySource: string): CopySourceRequest {
  if (!URL.canParse(copySource) || !copySource.startsWith('https:')) {
    throw storageErrors.invalidHeader('x-ms-copy-source', copySource);
  }
  const conditionHeaders: Record<string, string> = {};
  for (const name of ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since']) {
    const value = header(exchange, `x-ms-source-${name}`);
    if (value !== undefined) {
      conditionHeaders[name] = value;
    }
  }
  return {
    url: copySource,
    authorization: header(exchange, 'x-ms-copy-source-authorization'),
    checkConditions: (state) => checkSourceConditions(exchange, state),
    conditionHeaders,
  };
}

/** Turns a refusal by the source into that of the copy; other errors pass. */
export function asCopySourceRefusal(error: unknown): unknown {
  return error instanceof StorageError && error.details.code !== 'SourceConditionNotMet'
    ? storageErrors.cannotVerifyCopySource(error.details.status, error.details.message)
    : error;
}

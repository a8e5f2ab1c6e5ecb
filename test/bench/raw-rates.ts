import type { CopyStand } from './copy-stand.ts';
import { inParallel, type RawRange } from './raw-client.ts';

const MIB = 1024 ** 2;

/** What the raw client is to copy. */
export interface RawJob {
  readonly stand: CopyStand;
  readonly requests: readonly RawRange[];
  readonly bytes: number;
}

type OneRequest = (blobUrl: string, range: RawRange) => Promise<number>;

/** MiB/s of a copy by the raw client, into a new blob, with so many requests at once. */
const rateOf = (
  { stand, requests, bytes }: RawJob,
  parallel: number,
  one: OneRequest,
): Promise<number> =>
  stand.withRawBlob(async (blob) => {
    const startedMs = performance.now();
    await inParallel(requests, parallel, async (range) => {
      const status = await one(blob, range);
      if (status !== 201) throw new Error(`a page write of the raw client got ${status}`);
    });
    return bytes / MIB / ((performance.now() - startedMs) / 1000);
  });

/** Put Page From URL and nothing else. */
export const directRate = (job: RawJob, parallel: number): Promise<number> =>
  rateOf(job, parallel, (blob, range) =>
    job.stand.raw.writeFromUrl(blob, range, job.stand.source.url),
  );

/** Every page read, and fetched by the service: what the verified mover does besides summing up. */
export const readAndFetchRate = (job: RawJob, parallel: number): Promise<number> =>
  rateOf(job, parallel, async (blob, range) => {
    const { raw, source } = job.stand;
    await raw.read(source.url, range);
    return raw.writeFromUrl(blob, range, source.url);
  });

/** Download, then upload. */
export const streamRate = (job: RawJob, parallel: number): Promise<number> =>
  rateOf(job, parallel, async (blob, range) => {
    const { raw, source } = job.stand;
    return raw.write(blob, range, await raw.read(source.url, range));
  });

/** Without minding the limit, so many at once: how many of the first writes are refused. */
export const countRefused = ({ stand, requests }: RawJob, parallel: number): Promise<number> =>
  stand.withRawBlob(async (blob) => {
    let refused = 0;
    await inParallel(requests, parallel, async (range) => {
      const status = await stand.raw.writeFromUrl(blob, range, stand.source.url);
      if (status === 503) refused += 1;
    });
    return refused;
  });

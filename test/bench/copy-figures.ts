import { type CopyStand, type MeasuredCopy, type Mover, startCopyStand } from './copy-stand.ts';
import { createContext, createFigure, type Figure, median } from './figure.ts';
import { requestsFor } from './raw-client.ts';
import {
  countRefused,
  directRate,
  type RawJob,
  readAndFetchRate,
  streamRate,
} from './raw-rates.ts';

const MIB = 1024 ** 2;
const DATA_MIB = 640;

const ROUNDS = 4;
/** The first one meets the limit, the others know it. */
const LIMITED_ROUNDS = 6;
const PARALLEL = [4, 8, 16] as const;
/** Of the two disks; the empty one has to be asked as well. */
const LISTINGS = 2;

/** "Scalability targets for Blob storage": one standard page blob. */
const BLOB_MIB_PER_SECOND = 60;
/**
 * How long every request to disks and blobs takes where distance is to be felt: 4 MiB at the 60 MiB/s
 * that Azure documents for one page blob. On loopback there is nothing to hide by asking in parallel.
 */
const REQUEST_LATENCY_MS = Math.round((4 / BLOB_MIB_PER_SECOND) * 1000);

async function jobOf(stand: CopyStand): Promise<RawJob> {
  const ranges = await stand.raw.listRanges(stand.source.url);
  return {
    stand,
    requests: requestsFor(ranges),
    bytes: ranges.reduce((sum, { start, end }) => sum + end - start, 0),
  };
}

interface Rates {
  readonly raw: readonly number[];
  readonly readAndFetch: readonly number[];
  readonly copies: readonly MeasuredCopy[];
}

/**
 * Rounds of raw client and product in turn, so that both see the machine in the same mood. Compared
 * is the best of each: what else runs on the machine only ever makes a round slower.
 */
async function measureInTurn(job: RawJob, mover: Mover): Promise<Rates> {
  const raw: number[] = [];
  const readAndFetch: number[] = [];
  const copies: MeasuredCopy[] = [];
  const app = await job.stand.startApp(mover);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const parallel of PARALLEL) {
      raw.push(await directRate(job, parallel));
      if (mover === 'verified') readAndFetch.push(await readAndFetchRate(job, parallel));
    }
    copies.push(await job.stand.copy(app));
  }
  await app.stop();
  return { raw, readAndFetch, copies };
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const best = (values: readonly number[]): number => Math.max(...values);
const bestCopy = (copies: readonly MeasuredCopy[]): number =>
  best(copies.map(({ mibPerSecond }) => mibPerSecond));
const perSecond = (value: number): string => `${value.toFixed(0)} MiB/s`;

/** Rates over the raw ceiling, and what was asked and written for it. */
export async function measureCopies(): Promise<Figure[]> {
  const stand = await startCopyStand({ dataMiB: DATA_MIB });
  try {
    const job = await jobOf(stand);
    const direct = await measureInTurn(job, 'server');
    const verified = await measureInTurn(job, 'verified');
    const over = (copies: readonly MeasuredCopy[], ceiling: readonly number[]): string =>
      `${perSecond(bestCopy(copies))} of ${perSecond(best(ceiling))}, best of ${ROUNDS} rounds in turn, one disk with ${(job.bytes / MIB).toFixed(0)} MiB of data`;
    return [
      createFigure(
        'copyDirectOverCeiling',
        bestCopy(direct.copies) / best(direct.raw),
        '>= 0.9',
        `${over(direct.copies, direct.raw)}; the raw client has every page fetched, and nothing else`,
      ),
      createFigure(
        'copyVerifiedOverCeiling',
        bestCopy(verified.copies) / best(verified.readAndFetch),
        '>= 0.45',
        `${over(verified.copies, verified.readAndFetch)}; the raw client reads every page and has it fetched, as this mover must, but sums nothing up`,
      ),
      createContext(
        'copyVerifiedOverDirectCeiling',
        bestCopy(verified.copies) / best(verified.raw),
        `to have pages fetched within one process costs the local Azure next to nothing (${perSecond(best(verified.raw))}), to read them over TLS does`,
      ),
      ...countFigures(direct.copies, verified.copies, job),
    ];
  } finally {
    await stand.stop();
  }
}

const pageRequestsOf = ({ byOperation }: MeasuredCopy): number =>
  Object.values(byOperation).reduce((sum, count) => sum + count, 0);

function countFigures(
  direct: readonly MeasuredCopy[],
  verified: readonly MeasuredCopy[],
  { requests }: RawJob,
): Figure[] {
  const requestRatios = [
    ...direct.map((copy) => pageRequestsOf(copy) / (requests.length + LISTINGS)),
    ...verified.map((copy) => pageRequestsOf(copy) / (2 * requests.length + LISTINGS)),
  ];
  const byteRatios = [...direct, ...verified].map(
    ({ bytesWritten, allocatedBytes }) => bytesWritten / allocatedBytes,
  );
  return [
    createFigure(
      'requestsOverFewest',
      best(requestRatios),
      '<= 1.05',
      `page requests of the worst copy; the fewest are ${requests.length} of at most 4 MiB, twice as many where pages are read too, and ${LISTINGS} listings`,
    ),
    createFigure(
      'bytesWrittenOverAllocated',
      best(byteRatios),
      '<= 1.005',
      'of the worst copy, counted by the storage account, without the footer',
    ),
  ];
}

/** Against Microsoft's sample, where requests take as long as a distance makes them. */
export async function measureAgainstSample(): Promise<Figure[]> {
  const stand = await startCopyStand({ dataMiB: DATA_MIB });
  try {
    const job = await jobOf(stand);
    for (const service of ['disk', 'blob'] as const) {
      await stand.world.azure.control.addFault(
        { service, count: 0 },
        { latencyMs: REQUEST_LATENCY_MS },
      );
    }
    const copyBy = async (mover: Mover): Promise<number> => {
      const app = await stand.startApp(mover);
      const copies = [await stand.copy(app), await stand.copy(app)];
      await app.stop();
      return bestCopy(copies);
    };
    const streamed = await streamRate(job, 1);
    const verified = await copyBy('verified');
    const fetched = await directRate(job, 1);
    const direct = await copyBy('server');
    const latency = `every disk and blob request takes ${REQUEST_LATENCY_MS} ms more`;
    return [
      createFigure(
        'copyOverSample',
        verified / streamed,
        '>= 4',
        `verified mover ${perSecond(verified)}, serial 4 MiB download then upload ${perSecond(streamed)}; ${latency}`,
      ),
      createFigure(
        'copyDirectOverPublishedSample',
        direct / fetched,
        '>= 4',
        `server mover ${perSecond(direct)}, serial 4 MiB Put Page From URL ${perSecond(fetched)} as published in managed-disks-dotnet-backup-with-incremental-snapshots, offsets corrected; neither verifies; ${latency}`,
      ),
    ];
  } finally {
    await stand.stop();
  }
}

/** Under the documented limits of one page blob. */
export async function measureLimited(): Promise<Figure[]> {
  const stand = await startCopyStand({
    dataMiB: DATA_MIB,
    config: { limitPageBlobRate: true },
  });
  try {
    const job = await jobOf(stand);
    const app = await stand.startApp('server');
    const copies: MeasuredCopy[] = [];
    for (let round = 0; round < LIMITED_ROUNDS; round += 1) copies.push(await stand.copy(app));
    await app.stop();
    const writes = sum(copies.map(({ byOperation }) => byOperation['blob Put Page From URL'] ?? 0));
    const refused = sum(copies.map((copy) => copy.refused));
    const rates = copies.map(({ mibPerSecond }) => mibPerSecond);
    const control = await countRefused(job, 16);
    return [
      createFigure(
        'limitedRateOverLimit',
        median(rates) / BLOB_MIB_PER_SECOND,
        '>= 0.95',
        `median of copies one after another at ${rates.map((rate) => rate.toFixed(1)).join(', ')} MiB/s; the limit is ${BLOB_MIB_PER_SECOND} MiB/s and 500 requests/s for each blob`,
      ),
      createFigure(
        'limitedRefusedShare',
        refused / writes,
        '<= 0.01',
        `${refused} of ${writes} writes of these copies were answered 503 (${copies.map((copy) => copy.refused).join(', ')})`,
      ),
      createFigure(
        'limitedRefusedControl',
        control / job.requests.length,
        '> 0.5',
        `16 writes at once without minding the limit: ${control} of ${job.requests.length} refused`,
      ),
    ];
  } finally {
    await stand.stop();
  }
}

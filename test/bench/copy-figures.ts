import { type CopyStand, type MeasuredCopy, type Mover, startCopyStand } from './copy-stand.ts';
import { createContext, createFigure, type Figure } from './figure.ts';
import { inParallel, type RawRange, requestsFor } from './raw-client.ts';

const MIB = 1024 ** 2;
const DATA_MIB = 384;
const ROUNDS = 4;
const PARALLEL = [4, 8, 16] as const;
/** Of the two disks; the empty one has to be asked as well. */
const LISTINGS = 2;

const lengthOf = (ranges: readonly RawRange[]): number =>
  ranges.reduce((sum, { start, end }) => sum + end - start, 0);

const rateOf = async (bytes: number, work: () => Promise<void>): Promise<number> => {
  const startedMs = performance.now();
  await work();
  return bytes / MIB / ((performance.now() - startedMs) / 1000);
};

interface RawJob {
  readonly stand: CopyStand;
  readonly requests: readonly RawRange[];
  readonly bytes: number;
}

/** Put Page From URL, nothing else: what the direct mover could reach at most. */
async function directRate({ stand, requests, bytes }: RawJob, parallel: number): Promise<number> {
  const blob = await stand.createRawBlob();
  const { raw, source } = stand;
  return rateOf(bytes, () =>
    inParallel(requests, parallel, async (range) => {
      const status = await raw.writeFromUrl(blob, range, source.url);
      if (status !== 201) throw new Error(`Put Page From URL: ${status}`);
    }),
  );
}

/** Every page read, and fetched by the service: what the verified mover has to do besides summing up. */
async function readAndFetchRate(
  { stand, requests, bytes }: RawJob,
  parallel: number,
): Promise<number> {
  const blob = await stand.createRawBlob();
  const { raw, source } = stand;
  return rateOf(bytes, () =>
    inParallel(requests, parallel, async (range) => {
      await raw.read(source.url, range);
      const status = await raw.writeFromUrl(blob, range, source.url);
      if (status !== 201) throw new Error(`Put Page From URL: ${status}`);
    }),
  );
}

async function inSequence<T>(
  items: readonly T[],
  measure: (item: T) => Promise<number>,
): Promise<number[]> {
  const values: number[] = [];
  for (const item of items) values.push(await measure(item));
  return values;
}

const pageRequestsOf = ({ byOperation }: MeasuredCopy): number =>
  Object.values(byOperation).reduce((sum, count) => sum + count, 0);

interface Rates {
  /** Of the raw client at each number of requests at once. */
  readonly raw: Map<number, number[]>;
  readonly copies: MeasuredCopy[];
}

/**
 * Rounds of raw client and product in turn, so that both see the machine in the same mood. Compared
 * is the best of each: what else runs on the machine only ever makes a round slower.
 */
async function measureInTurn(
  stand: CopyStand,
  mover: Mover,
  rawRate: (parallel: number) => Promise<number>,
): Promise<Rates> {
  const rates: Rates = { raw: new Map(), copies: [] };
  const app = await stand.startApp(mover);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const parallel of PARALLEL) {
      rates.raw.set(parallel, [...(rates.raw.get(parallel) ?? []), await rawRate(parallel)]);
    }
    rates.copies.push(await stand.copy(app));
  }
  await app.stop();
  return rates;
}

const bestRaw = ({ raw }: Rates): number => Math.max(...[...raw.values()].flat());
const bestCopy = ({ copies }: Rates): number =>
  Math.max(...copies.map(({ mibPerSecond }) => mibPerSecond));

export async function measureCopies(): Promise<Figure[]> {
  const stand = await startCopyStand({ dataMiB: DATA_MIB });
  try {
    const ranges = await stand.raw.listRanges(stand.source.url);
    const job: RawJob = { stand, requests: requestsFor(ranges), bytes: lengthOf(ranges) };
    const direct = await measureInTurn(stand, 'server', (parallel) => directRate(job, parallel));
    const verified = await measureInTurn(stand, 'verified', (parallel) =>
      directRate(job, parallel),
    );
    const readAndFetch = Math.max(
      ...(await inSequence(PARALLEL, (parallel) => readAndFetchRate(job, parallel))),
    );
    const over = (rates: Rates): string =>
      `${bestCopy(rates).toFixed(0)} of ${bestRaw(rates).toFixed(0)} MiB/s, best of ${ROUNDS} rounds in turn, ${(job.bytes / MIB).toFixed(0)} MiB`;
    return [
      createFigure(
        'copyDirectOverCeiling',
        bestCopy(direct) / bestRaw(direct),
        '>= 0.9',
        over(direct),
      ),
      createFigure(
        'copyVerifiedOverCeiling',
        bestCopy(verified) / bestRaw(verified),
        '>= 0.45',
        over(verified),
      ),
      createContext(
        'copyVerifiedOverReadAndFetch',
        bestCopy(verified) / readAndFetch,
        `the raw client reads every page and has it fetched, as the verified mover must, but sums nothing up: ${readAndFetch.toFixed(0)} MiB/s`,
      ),
      ...countFigures(direct.copies, verified.copies, job),
    ];
  } finally {
    await stand.stop();
  }
}

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
      Math.max(...requestRatios),
      '<= 1.05',
      `page requests of the worst copy over the fewest: ${requests.length} of at most 4 MiB, twice as many where pages are read too, ${LISTINGS} listings`,
    ),
    createFigure(
      'bytesWrittenOverAllocated',
      Math.max(...byteRatios),
      '<= 1.005',
      'counted by the storage account, worst copy, without the footer',
    ),
  ];
}

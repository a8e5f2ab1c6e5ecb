import { createContext, createFigure, type Figure, median } from './figure.ts';
import { type CopyStand, type MeasuredCopy, startCopyStand } from './copy-stand.ts';
import { inParallel, type RawRange, requestsFor } from './raw-client.ts';

const MIB = 1024 ** 2;
const DATA_MIB = 320;
const ROUNDS = 3;
const PARALLEL = [4, 8, 16] as const;

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
async function directCeiling({ stand, requests, bytes }: RawJob, parallel: number): Promise<number> {
  const blob = await stand.createRawBlob();
  const { raw, source } = stand;
  return rateOf(bytes, () =>
    inParallel(requests, parallel, async (range) => {
      const status = await raw.writeFromUrl(blob, range, source.url);
      if (status !== 201) throw new Error(`Put Page From URL: ${status}`);
    }),
  );
}

/** Microsoft's sample, with the offset of the range added: one request after another, 4 MiB each. */
async function sampleRate({ stand, requests, bytes }: RawJob): Promise<number> {
  return directCeiling({ stand, requests, bytes }, 1);
}

/** The same with the bytes through the client: download, then upload. */
async function serialStreamRate({ stand, requests, bytes }: RawJob): Promise<number> {
  const blob = await stand.createRawBlob();
  const { raw, source } = stand;
  return rateOf(bytes, () =>
    inParallel(requests, 1, async (range) => {
      const status = await raw.write(blob, range, await raw.read(source.url, range));
      if (status !== 201) throw new Error(`Put Page: ${status}`);
    }),
  );
}

async function best(
  rates: Map<number, number[]>,
  measure: (parallel: number) => Promise<number>,
): Promise<number> {
  let highest = 0;
  for (const parallel of PARALLEL) {
    const rate = await measure(parallel);
    rates.set(parallel, [...(rates.get(parallel) ?? []), rate]);
    highest = Math.max(highest, rate);
  }
  return highest;
}

const pageRequestsOf = ({ byOperation }: MeasuredCopy): number =>
  Object.values(byOperation).reduce((sum, count) => sum + count, 0);

export async function measureCopies(): Promise<Figure[]> {
  const stand = await startCopyStand({ dataMiB: DATA_MIB });
  try {
    const ranges = await stand.raw.listRanges(stand.source.url);
    const requests = requestsFor(ranges);
    const job: RawJob = { stand, requests, bytes: lengthOf(ranges) };
    const measured: Record<'server' | 'verified', MeasuredCopy[]> = { server: [], verified: [] };
    const ratios: Record<'server' | 'verified', number[]> = { server: [], verified: [] };
    const ceilings: number[] = [];
    const byParallel = new Map<number, number[]>();
    for (const mover of ['server', 'verified'] as const) {
      const app = await stand.startApp(mover);
      for (let round = 0; round < ROUNDS; round += 1) {
        // Side by side: the ceiling right before and right after, on the same machine's mood.
        const ceiling = await best(byParallel, (parallel) => directCeiling(job, parallel));
        const copied = await stand.copy(app);
        ceilings.push(ceiling);
        measured[mover].push(copied);
        ratios[mover].push(copied.mibPerSecond / ceiling);
      }
      await app.stop();
    }
    const sample = await sampleRate(job);
    const serialStream = await serialStreamRate(job);
    const [direct, verified] = [measured.server, measured.verified];
    const medianRate = (copies: readonly MeasuredCopy[]): number =>
      median(copies.map(({ mibPerSecond }) => mibPerSecond));
    const written = direct.concat(verified);
    console.error(JSON.stringify({ byParallel: [...byParallel], direct, verified, sample, serialStream, ranges: ranges.length }));
    return [
      createFigure(
        'copyDirectOverCeiling',
        median(ratios.server),
        '>= 0.9',
        `${medianRate(direct).toFixed(0)} of ${median(ceilings).toFixed(0)} MiB/s`,
      ),
      createFigure(
        'copyVerifiedOverCeiling',
        median(ratios.verified),
        '>= 0.45',
        `${medianRate(verified).toFixed(0)} of ${median(ceilings).toFixed(0)} MiB/s`,
      ),
      createFigure(
        'requestsOverFewest',
        pageRequestsOf(direct[0] as MeasuredCopy) / requests.length,
        '<= 1.05',
        `${requests.length} requests are the fewest`,
      ),
      createFigure(
        'bytesWrittenOverAllocated',
        median(written.map(({ bytesWritten, allocatedBytes }) => bytesWritten / allocatedBytes)),
        '<= 1.005',
        'x',
      ),
      createContext('sampleMiBPerSecond', sample, ''),
      createContext('serialStreamMiBPerSecond', serialStream, ''),
    ];
  } finally {
    await stand.stop();
  }
}

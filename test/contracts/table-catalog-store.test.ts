import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTableCatalogStore } from '../../lib/azure/table-catalog-store.ts';
import { pointRowKey } from '../../lib/catalog/row-keys.ts';
import { MalformedDataError } from '../../lib/errors.ts';
import type { CatalogStore } from '../../lib/ports/catalog-store.ts';
import { SAMPLE_VM_KEY, sampleConfiguration, samplePoint } from '../fakes/sample-point.ts';
import { type AzuriteTables, startAzuriteTables } from './azurite-table.ts';
import { describeCatalogStore } from './catalog-store.contract.ts';

let tables: AzuriteTables;
let prefixes = 0;
let prefix = '';

beforeAll(async () => {
  tables = await startAzuriteTables();
});
afterAll(async () => {
  await tables?.stop();
});

const createStore = async (): Promise<CatalogStore> => {
  prefixes += 1;
  prefix = `t${prefixes}`;
  const own = prefix;
  const store = createTableCatalogStore({ tableClient: (table) => tables.client(own + table) });
  await store.prepare();
  return store;
};

describeCatalogStore('Azure Table Storage', createStore);

describe('table catalog store', () => {
  const rowOf = (pointId: string) => ({
    partitionKey: SAMPLE_VM_KEY,
    rowKey: pointRowKey(pointId),
  });

  it.each([
    ['a body that is cut', { body0: '{"formatVersion":1' }, /not JSON/],
    ['a part that is missing', { bodyParts: 2 }, /body1 is missing/],
    ['another format version', { formatVersion: 7 }, /formatVersion is 7/],
    [
      'a field of another type',
      { body0: JSON.stringify({ ...samplePoint(), disks: 'none' }) },
      /field disks/,
    ],
  ])('names table, keys and field of a row with %s', async (_name, change, message) => {
    const store = await createStore();
    const point = samplePoint();
    await store.createPoint(point);
    const client = tables.client(`${prefix}LockstepPoints`);
    await client.updateEntity({ ...rowOf(point.pointId), ...change }, 'Merge');
    const reading = store.getPoint(point.vmKey, point.pointId);
    await expect(reading).rejects.toBeInstanceOf(MalformedDataError);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toThrow(`${SAMPLE_VM_KEY}/${pointRowKey(point.pointId)}`);
    await expect(store.listPoints()).rejects.toThrow('LockstepPoints');
  });

  it('keeps no property above 64 KiB and no leftover part of a longer value', async () => {
    const store = await createStore();
    const raw = { vm: { filler: '\u{1F600}'.repeat(7_001) }, disks: [], nics: [] };
    const point = samplePoint({ state: 'preparing', configuration: sampleConfiguration({ raw }) });
    await store.createPoint(point);
    const client = tables.client(`${prefix}LockstepPoints`);
    const long = await client.getEntity(SAMPLE_VM_KEY, pointRowKey(point.pointId));
    const sizes = Object.values(long).map((value) => String(value).length * 2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
    expect(long).toHaveProperty('body2');
    const etag = (await store.getPoint(point.vmKey, point.pointId))?.etag ?? '';
    await store.updatePoint(samplePoint(), etag);
    const short = await client.getEntity(SAMPLE_VM_KEY, pointRowKey(point.pointId));
    expect(short).not.toHaveProperty('body1');
  });

  it('refuses a value that no row can hold', async () => {
    const store = await createStore();
    const raw = { vm: { filler: 'x'.repeat(600_000) }, disks: [], nics: [] };
    await expect(
      store.createPoint(samplePoint({ configuration: sampleConfiguration({ raw }) })),
    ).rejects.toMatchObject({ errorCode: 'RowTooLarge' });
  });

  it('lists more rows than one page holds', async () => {
    const store = await createStore();
    const notes = Array.from({ length: 1_050 }, (_, index) => ({
      runId: samplePoint().runId,
      kind: 'snapshot' as const,
      resourceId: `/subscriptions/s/snapshots/${index}`,
      state: 'made' as const,
      sinceUtc: '2026-11-23T18:00:00.000Z',
    }));
    for (let start = 0; start < notes.length; start += 50) {
      await Promise.all(notes.slice(start, start + 50).map((note) => store.noteMade(note)));
    }
    expect(await store.listMade(samplePoint().runId)).toHaveLength(1_050);
  });
});

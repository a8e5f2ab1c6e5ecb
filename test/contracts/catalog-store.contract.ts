import { isDeepStrictEqual } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import type { MadeResource, Run } from '../../lib/catalog/run.ts';
import { ConflictError } from '../../lib/errors.ts';
import type { CatalogStore } from '../../lib/ports/catalog-store.ts';
import {
  SAMPLE_VM_KEY,
  sampleConfiguration,
  sampleCopy,
  samplePoint,
} from '../fakes/sample-point.ts';

const OTHER_VM_KEY = 'f'.repeat(24);
const preparing = () => samplePoint({ state: 'preparing' });

/** What every catalog must do. `createStore` answers an empty one. */
export const describeCatalogStore = (
  name: string,
  createStore: () => Promise<CatalogStore>,
): void => {
  describe(`catalog store: ${name}`, () => {
    let store: CatalogStore;
    beforeEach(async () => {
      store = await createStore();
    });

    it('is prepared twice, also at once, without harm', async () => {
      await Promise.all([store.prepare(), store.prepare()]);
      await store.createPoint(preparing());
      await store.prepare();
      expect(await store.getPoint(SAMPLE_VM_KEY, preparing().pointId)).toBeDefined();
    });

    it('gives back a point field by field', async () => {
      await store.createPoint(preparing());
      const read = await store.getPoint(SAMPLE_VM_KEY, preparing().pointId);
      expect(read?.value).toEqual(preparing());
      expect(read?.etag).toMatch(/./);
    });

    it('keeps a point whose configuration is larger than one table property', async () => {
      const configuration = sampleConfiguration({
        raw: { vm: { filler: 'ä"\u{1F600}\\'.repeat(20_000) }, disks: [], nics: [] },
      });
      const point = samplePoint({ state: 'preparing', configuration });
      await store.createPoint(point);
      const large = (await store.getPoint(point.vmKey, point.pointId))?.value;
      expect(isDeepStrictEqual(large, point)).toBe(true);
      const read = await store.findPoint(point.pointId);
      const smaller = samplePoint({ state: 'recorded' });
      await store.updatePoint(smaller, read?.etag ?? '');
      expect((await store.getPoint(point.vmKey, point.pointId))?.value).toEqual(smaller);
    });

    it('accepts the same point again and refuses another under its id', async () => {
      await store.createPoint(preparing());
      await store.createPoint(preparing());
      await expect(store.createPoint({ ...preparing(), vmName: 'other' })).rejects.toBeInstanceOf(
        ConflictError,
      );
    });

    it('answers undefined for what it does not have', async () => {
      expect(await store.getPoint(SAMPLE_VM_KEY, samplePoint().pointId)).toBeUndefined();
      expect(await store.findPoint(samplePoint().pointId)).toBeUndefined();
      expect(await store.getCopy(SAMPLE_VM_KEY, samplePoint().pointId, 'primary')).toBeUndefined();
      expect(await store.getRun(samplePoint().runId)).toBeUndefined();
      expect(await store.getVm(SAMPLE_VM_KEY)).toBeUndefined();
      expect(await store.getFact('rebuiltAtUtc')).toBeUndefined();
      expect(await store.listPoints()).toEqual([]);
    });

    it('changes a point only by its etag', async () => {
      await store.createPoint(preparing());
      const first = await store.getPoint(SAMPLE_VM_KEY, preparing().pointId);
      const next = await store.updatePoint(samplePoint(), first?.etag ?? '');
      expect(next.value.state).toBe('recorded');
      expect(next.etag).not.toBe(first?.etag);
      await expect(
        store.updatePoint({ ...preparing(), vmName: 'late' }, first?.etag ?? ''),
      ).rejects.toBeInstanceOf(ConflictError);
    });

    it('accepts a repeated change whose answer was lost', async () => {
      await store.createPoint(preparing());
      const first = await store.getPoint(SAMPLE_VM_KEY, preparing().pointId);
      const next = await store.updatePoint(samplePoint(), first?.etag ?? '');
      const again = await store.updatePoint(samplePoint(), first?.etag ?? '');
      expect(again).toEqual(next);
    });

    it('lets one of two writers with the same etag win', async () => {
      await store.createPoint(preparing());
      const etag = (await store.getPoint(SAMPLE_VM_KEY, preparing().pointId))?.etag ?? '';
      const failure = { errorCode: 'A', message: 'a' };
      const results = await Promise.allSettled([
        store.updatePoint(samplePoint({ state: 'failed', failure }), etag),
        store.updatePoint(samplePoint(), etag),
      ]);
      expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('refuses an illegal change of a point and names both states', async () => {
      await store.createPoint(samplePoint());
      const etag = (await store.getPoint(SAMPLE_VM_KEY, samplePoint().pointId))?.etag ?? '';
      await expect(store.updatePoint(preparing(), etag)).rejects.toThrow(/recorded.*preparing/);
    });

    it('refuses to change a point that is not there', async () => {
      await expect(store.updatePoint(samplePoint(), 'W/"1"')).rejects.toBeInstanceOf(ConflictError);
    });

    it('lists points newest first, of one VM or of all', async () => {
      for (const sequence of [2, 0, 1]) await store.createPoint(samplePoint({}, sequence));
      const other = samplePoint({ vmKey: OTHER_VM_KEY }, 3);
      await store.createPoint(other);
      const ids = [3, 2, 1, 0].map((sequence) => samplePoint({}, sequence).pointId);
      expect((await store.listPoints()).map((point) => point.pointId)).toEqual(ids);
      expect((await store.listPoints({ vmKey: SAMPLE_VM_KEY })).map((p) => p.pointId)).toEqual(
        ids.slice(1),
      );
      expect((await store.findPoint(other.pointId))?.value.vmKey).toBe(OTHER_VM_KEY);
    });

    it('moves a copy through its states and refuses other ways', async () => {
      const pending = sampleCopy({ copy: 'paired', state: 'pending' });
      await store.createCopy(pending);
      await store.createCopy(pending);
      await expect(store.createCopy({ ...pending, reason: 'x' })).rejects.toBeInstanceOf(
        ConflictError,
      );
      const first = await store.getCopy(pending.vmKey, pending.pointId, 'paired');
      await expect(
        store.updateCopy({ ...pending, state: 'sealed' }, first?.etag ?? ''),
      ).rejects.toThrow(/pending.*sealed/);
      const copying = await store.updateCopy({ ...pending, state: 'copying' }, first?.etag ?? '');
      const sealed = await store.updateCopy(
        { ...pending, state: 'sealed', manifestPath: 'a/points/b.json', copiedBytes: 5 },
        copying.etag,
      );
      expect((await store.getCopy(pending.vmKey, pending.pointId, 'paired'))?.value).toEqual(
        sealed.value,
      );
      await expect(
        store.updateCopy({ ...pending, state: 'copying' }, copying.etag),
      ).rejects.toBeInstanceOf(ConflictError);
    });

    it('lists copies by every filter, newest point first', async () => {
      const points = [0, 1, 2].map((sequence) => samplePoint({}, sequence).pointId);
      for (const pointId of points) {
        await store.createCopy(sampleCopy({ pointId }));
        await store.createCopy(sampleCopy({ pointId, copy: 'paired', state: 'pending' }));
      }
      await store.createCopy(sampleCopy({ vmKey: OTHER_VM_KEY }));
      const pending = await store.listCopies({ states: ['pending', 'copying'], copy: 'paired' });
      expect(pending.map((copy) => copy.pointId)).toEqual([...points].reverse());
      const ofPoint = await store.listCopies({ vmKey: SAMPLE_VM_KEY, pointId: points[1] ?? '' });
      expect(ofPoint.map((copy) => copy.copy)).toEqual(['paired', 'primary']);
      expect(await store.listCopies({ pointId: points[0] ?? '' })).toHaveLength(3);
      expect(await store.listCopies({ vmKey: SAMPLE_VM_KEY })).toHaveLength(6);
      expect(await store.listCopies({ states: ['gone'] })).toEqual([]);
    });

    it('keeps runs and lists those of a VM newest first', async () => {
      const run = (minute: string, hex: string): Run => ({
        formatVersion: 1,
        runId: `restore-${SAMPLE_VM_KEY}-20261123T18${minute}00Z-${hex}`,
        kind: 'restore',
        vmKey: SAMPLE_VM_KEY,
        instanceId: `restore-${minute}`,
        state: 'running',
        startedAtUtc: `2026-11-23T18:${minute}:00.000Z`,
      });
      await store.putRun(run('10', 'aaaaaa'));
      await store.putRun(run('20', 'bbbbbb'));
      const ended: Run = {
        ...run('10', 'aaaaaa'),
        state: 'failed',
        failure: { errorCode: 'X', message: 'y' },
        result: { vmId: '/x' },
      };
      await store.putRun(ended);
      expect(await store.getRun(ended.runId)).toEqual(ended);
      expect((await store.listRuns({ vmKey: SAMPLE_VM_KEY })).map((item) => item.runId)).toEqual([
        run('20', 'bbbbbb').runId,
        ended.runId,
      ]);
      expect(await store.listRuns({ vmKey: OTHER_VM_KEY })).toEqual([]);
    });

    it('remembers what a run made until it is forgotten', async () => {
      const made: MadeResource = {
        runId: samplePoint().runId,
        kind: 'disk',
        resourceId: '/subscriptions/x/resourceGroups/y/providers/Microsoft.Compute/disks/a#b?c',
        state: 'made',
        sinceUtc: '2026-11-23T18:00:00.000Z',
      };
      await store.noteMade(made);
      await store.noteMade(made);
      await store.noteMade({ ...made, kind: 'nic' });
      expect(await store.listMade(made.runId)).toHaveLength(2);
      expect(await store.listDoomed()).toEqual([]);
      await store.forgetMade(made);
      await store.forgetMade(made);
      expect((await store.listMade(made.runId)).map((row) => row.kind)).toEqual(['nic']);
      expect(await store.listMade(`${made.runId}0`)).toEqual([]);
    });

    it('lists the doomed oldest first, and a late note does not save one', async () => {
      const row = (resourceId: string, minute: string) => ({
        runId: samplePoint().runId,
        kind: 'snapshot' as const,
        resourceId,
        sinceUtc: `2026-11-23T18:${minute}:00.000Z`,
      });
      await store.noteMade({ ...row('/late', '30'), state: 'made' });
      await store.doom({ ...row('/late', '30'), reason: 'run failed' });
      await store.doom(row('/early', '10'));
      await store.noteMade({ ...row('/early', '10'), state: 'made' });
      const doomed = await store.listDoomed();
      expect(doomed.map((item) => item.resourceId)).toEqual(['/early', '/late']);
      expect(doomed[1]).toEqual({ ...row('/late', '30'), reason: 'run failed', state: 'doomed' });
      await store.doom({ ...row('/late', '30'), reason: 'still in use' });
      expect((await store.listDoomed())[1]?.reason).toBe('still in use');
      expect((await store.listMade(samplePoint().runId)).map((item) => item.state)).toEqual([
        'doomed',
        'doomed',
      ]);
      for (const item of doomed) await store.forgetMade(item);
      expect(await store.listDoomed()).toEqual([]);
      expect(await store.listMade(samplePoint().runId)).toEqual([]);
    });

    it('gives a lock to one owner until it is released or expires', async () => {
      const lock = (ownerRunId: string, expires: string) => ({
        vmKey: SAMPLE_VM_KEY,
        ownerRunId,
        expiresAtUtc: `2026-11-23T${expires}:00.000Z`,
      });
      const now = '2026-11-23T18:00:00.000Z';
      expect(await store.takeLock(lock('a', '18:30'), now)).toEqual(lock('a', '18:30'));
      expect(await store.takeLock(lock('b', '19:00'), now)).toEqual(lock('a', '18:30'));
      expect(await store.takeLock(lock('a', '18:40'), now)).toEqual(lock('a', '18:40'));
      await store.releaseLock(SAMPLE_VM_KEY, 'b');
      expect(await store.takeLock(lock('b', '19:00'), now)).toEqual(lock('a', '18:40'));
      expect(await store.takeLock(lock('b', '19:00'), '2026-11-23T18:40:00.000Z')).toEqual(
        lock('b', '19:00'),
      );
      await store.releaseLock(SAMPLE_VM_KEY, 'b');
      await store.releaseLock(SAMPLE_VM_KEY, 'b');
      expect(await store.takeLock(lock('c', '19:30'), now)).toEqual(lock('c', '19:30'));
    });

    it('gives a free lock to exactly one of many at once', async () => {
      const owners = ['a', 'b', 'c', 'd', 'e'];
      const answers = await Promise.all(
        owners.map((ownerRunId) =>
          store.takeLock(
            { vmKey: SAMPLE_VM_KEY, ownerRunId, expiresAtUtc: '2026-11-23T19:00:00.000Z' },
            '2026-11-23T18:00:00.000Z',
          ),
        ),
      );
      expect(new Set(answers.map((answer) => answer.ownerRunId)).size).toBe(1);
    });

    it('keeps known VMs and facts', async () => {
      const vm = {
        vmKey: SAMPLE_VM_KEY,
        vmId: samplePoint().vmId,
        name: 'db-1',
        region: 'westeurope',
        lastSeenUtc: '2026-11-23T18:00:00.000Z',
      };
      await store.putVm(vm);
      await store.putVm({ ...vm, lastSeenUtc: '2026-11-23T19:00:00.000Z' });
      await store.putVm({ ...vm, vmKey: OTHER_VM_KEY });
      expect(await store.getVm(SAMPLE_VM_KEY)).toEqual({
        ...vm,
        lastSeenUtc: '2026-11-23T19:00:00.000Z',
      });
      expect((await store.listVms()).map((item) => item.vmKey)).toEqual(
        [SAMPLE_VM_KEY, OTHER_VM_KEY].sort(),
      );
      await store.putFact('rebuiltAtUtc', 'x'.repeat(100_000));
      expect(await store.getFact('rebuiltAtUtc')).toBe('x'.repeat(100_000));
      await store.putFact('rebuiltAtUtc', '');
      expect(await store.getFact('rebuiltAtUtc')).toBe('');
    });
  });
};

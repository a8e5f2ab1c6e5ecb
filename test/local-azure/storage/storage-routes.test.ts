import { describe, expect, it } from 'vitest';
import { createControlServer } from '../control/control-server.ts';
import { createControlCaller } from '../guest/control-caller.ts';
import type { PageBlobReport } from './storage-routes.ts';
import { createStorageClient, registerStorageRoutes } from './storage-routes.ts';

const report: PageBlobReport = {
  account: 'west0',
  region: 'westeurope',
  container: 'box',
  blob: 'disk',
  sizeBytes: 1024,
  allocatedBytes: 512,
  snapshots: ['2026-11-23T18:00:00.0000000Z'],
  putPageBytes: 512,
  putPageFromUrlBytes: 0,
  requests: 2,
};

describe('the control routes of storage', () => {
  it('carry the reports of all page blobs', async () => {
    const control = createControlServer();
    registerStorageRoutes(control.registerControlRoute, { pageBlobs: () => [report] });
    const client = createStorageClient(createControlCaller(await control.start()));
    try {
      expect(await client.pageBlobs()).toEqual([report]);
    } finally {
      await control.close();
    }
  });
});

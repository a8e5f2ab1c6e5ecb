import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ComputeInventory, PageImage } from '../contracts.ts';
import { ControlError, type RegisterControlRoute } from '../control/control-server.ts';
import { createBodyParser } from '../guest/body-parser.ts';
import type { SimulatedGuests } from '../guest/create-guest-agent.ts';
import { changedBytesBetween, replayDisk } from '../guest/oracle-image.ts';
import { checkFileSystem, compareFiles } from '../images/inspect-image.ts';
import { exportImage } from '../images/transfer-image.ts';
import { compareWithJournal } from './compare-with-journal.ts';
import { digestContent } from './content-digest.ts';
import type { ImageSource, JournalInstant, SourceAtLun } from './evidence-client.ts';
import { allocatedBytes, type ReadableImage, withoutFooter } from './readable-image.ts';
import { searchSecrets } from './search-secrets.ts';
import { findTornPairs } from './torn-pairs.ts';

export interface EvidenceDependencies {
  readonly guests: SimulatedGuests;
  readonly compute: Pick<ComputeInventory, 'snapshotImage' | 'diskStore'>;
  /** A page blob or one of its snapshots, as it lies in the account; undefined when there is none. */
  pageImage(
    account: string,
    container: string,
    blob: string,
    snapshot?: string,
  ): PageImage | undefined | Promise<PageImage | undefined>;
  /** Every signature, token and key issued so far. */
  issuedSecrets(): readonly string[];
}

const VHD_FOOTER_BYTES = 512;

const TEXT = { type: 'string', minLength: 1 } as const;
const LUN = { type: 'integer', minimum: -1 } as const;
const oneKey = (key: string, schema: object) => ({
  type: 'object',
  properties: { [key]: schema },
  required: [key],
  additionalProperties: false,
});
const SOURCE = {
  anyOf: [
    oneKey('snapshotId', TEXT),
    oneKey('diskId', TEXT),
    {
      type: 'object',
      properties: { account: TEXT, container: TEXT, blob: TEXT, snapshot: TEXT },
      required: ['account', 'container', 'blob'],
      additionalProperties: false,
    },
  ],
};
const INSTANT = {
  anyOf: [
    oneKey('order', { type: 'integer', minimum: 0 }),
    oneKey('session', TEXT),
    oneKey('snapshotId', TEXT),
  ],
};
const DISKS = {
  type: 'array',
  minItems: 1,
  items: {
    type: 'object',
    properties: { lun: LUN, source: SOURCE },
    required: ['lun', 'source'],
    additionalProperties: false,
  },
};
const FILES = {
  type: 'array',
  items: { type: 'object', properties: { path: TEXT, sha256: TEXT }, required: ['path', 'sha256'] },
};
const TEXTS = { type: 'array', items: TEXT };

const parseTorn = createBodyParser<{ vmId: string; disks: SourceAtLun[] }>(
  'body',
  { vmId: TEXT, disks: DISKS },
  ['vmId', 'disks'],
);
const parseCompare = createBodyParser<{
  vmId: string;
  disks: SourceAtLun[];
  instant: JournalInstant;
}>('body', { vmId: TEXT, disks: DISKS, instant: INSTANT }, ['vmId', 'disks', 'instant']);
const parseOracle = createBodyParser<{ vmId: string; lun: number; instant: JournalInstant }>(
  'body',
  { vmId: TEXT, lun: LUN, instant: INSTANT },
  ['vmId', 'lun', 'instant'],
);
const parseChanged = createBodyParser<{
  vmId: string;
  lun: number;
  from: JournalInstant;
  to: JournalInstant;
}>('body', { vmId: TEXT, lun: LUN, from: INSTANT, to: INSTANT }, ['vmId', 'lun', 'from', 'to']);
const parseSource = createBodyParser<{ source: ImageSource }>('body', { source: SOURCE }, [
  'source',
]);
const parseExport = createBodyParser<{ source: ImageSource; file: string }>(
  'body',
  { source: SOURCE, file: { type: 'string', pattern: '^/' } },
  ['source', 'file'],
);
const parseCheck = createBodyParser<{
  source: ImageSource;
  files?: { path: string; sha256: string }[];
}>('body', { source: SOURCE, files: FILES }, ['source']);
const parseSearch = createBodyParser<{
  directories?: string[];
  files?: string[];
  secrets?: string[];
  issued?: boolean;
}>('body', { directories: TEXTS, files: TEXTS, secrets: TEXTS, issued: { type: 'boolean' } });

/** The control routes `/evidence/*`; `evidence-client.ts` is their typed client. */
export function registerEvidenceRoutes(
  register: RegisterControlRoute,
  dependencies: EvidenceDependencies,
): void {
  const { guests, compute } = dependencies;
  const { journal } = guests;

  async function openSource(source: ImageSource): Promise<ReadableImage> {
    const image = await findSource(source);
    if (image === undefined) {
      throw new ControlError(404, 'NoSuchImage', `there is no ${JSON.stringify(source)}`);
    }
    return image;
  }

  async function findSource(source: ImageSource): Promise<ReadableImage | undefined> {
    if ('snapshotId' in source) return compute.snapshotImage(source.snapshotId)?.image;
    if ('diskId' in source) return compute.diskStore(source.diskId)?.snapshot();
    const { account, container, blob, snapshot } = source;
    const image = await dependencies.pageImage(account, container, blob, snapshot);
    return image === undefined ? undefined : withoutFooter(image, VHD_FOOTER_BYTES);
  }

  function orderOf(instant: JournalInstant): number {
    if ('order' in instant) return instant.order;
    if ('snapshotId' in instant) {
      const snapshot = compute.snapshotImage(instant.snapshotId);
      if (snapshot === undefined) {
        throw new ControlError(404, 'NoSuchImage', `there is no snapshot ${instant.snapshotId}`);
      }
      return journal.orderAt(snapshot.instantMs - performance.timeOrigin);
    }
    const order = guests.freezes.find(instant.session)?.frozenOrder;
    if (order === undefined) {
      throw new ControlError(
        404,
        'NeverFrozen',
        `session ${instant.session} never froze all mounts`,
      );
    }
    return order;
  }

  async function openSources(
    vmId: string,
    disks: readonly SourceAtLun[],
  ): Promise<Map<number, ReadableImage>> {
    const guest = guests.guest(vmId);
    const images = new Map<number, ReadableImage>();
    for (const { lun, source } of disks) {
      images.set(guest.journalDisk(lun).disk, await openSource(source));
    }
    if (images.size !== disks.length) throw new TypeError('body/disks names a LUN twice');
    return images;
  }

  register('POST', '/evidence/torn-pairs', async ({ body }) => {
    const { vmId, disks } = parseTorn(body);
    return findTornPairs(journal, vmId, await openSources(vmId, disks));
  });
  register('POST', '/evidence/compare', async ({ body }) => {
    const { vmId, disks, instant } = parseCompare(body);
    const order = orderOf(instant);
    return { ...(await compareWithJournal(journal, await openSources(vmId, disks), order)), order };
  });
  register('POST', '/evidence/oracle-digest', async ({ body }) => {
    const { vmId, lun, instant } = parseOracle(body);
    const order = orderOf(instant);
    const { disk } = guests.guest(vmId).journalDisk(lun);
    return { ...(await digestContent(replayDisk(journal, disk, order))), order };
  });
  register('POST', '/evidence/image-digest', async ({ body }) =>
    digestContent(await openSource(parseSource(body).source)),
  );
  register('POST', '/evidence/allocated-bytes', async ({ body }) => {
    const image = await openSource(parseSource(body).source);
    return { sizeBytes: image.sizeBytes, allocatedBytes: allocatedBytes(image) };
  });
  register('POST', '/evidence/changed-bytes', ({ body }) => {
    const { vmId, lun, from, to } = parseChanged(body);
    const { disk } = guests.guest(vmId).journalDisk(lun);
    return { changedBytes: changedBytesBetween(journal, disk, orderOf(from), orderOf(to)) };
  });
  register('POST', '/evidence/export', async ({ body }) => {
    const { source, file } = parseExport(body);
    const image = await openSource(source);
    await exportImage(image, file);
    return { sizeBytes: image.sizeBytes };
  });
  register('POST', '/evidence/check-file-system', async ({ body }) => {
    const { source, files } = parseCheck(body);
    const directory = await mkdtemp(path.join(tmpdir(), 'lockstep-check-'));
    try {
      const file = path.join(directory, 'disk.img');
      await exportImage(await openSource(source), file);
      return { ...(await checkFileSystem(file)), ...(await compareFiles(file, files ?? [])) };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
  register('POST', '/evidence/search-secrets', async ({ body }) => {
    const { secrets = [], issued = false, ...where } = parseSearch(body);
    const wanted = [...secrets, ...(issued ? dependencies.issuedSecrets() : [])];
    if (wanted.length === 0) throw new TypeError('body names no secrets to search for');
    return searchSecrets({ ...where, secrets: wanted });
  });
}

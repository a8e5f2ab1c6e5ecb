/** SAS access to managed disks and snapshots: one HTTPS server per region. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { DiskExports, Front, FrontFactory, PageImage, SecretLedger } from '../contracts.ts';
import { newSnapshotTime } from './blob-clock.ts';
import type { OpenedCopySource } from './copy-source.ts';
import { describeRequest } from './describe-request.ts';
import { answerDiskRequest } from './disk-requests.ts';
import { answerErrors, openExchange } from './exchange.ts';
import type { BlobView, PageBlob } from './page-blob.ts';
import { storageErrors } from './storage-error.ts';
import { withVhdFooter } from './vhd-footer.ts';
import { createPageBlob } from './write-blob.ts';

/** SAS of at most so many snapshots of one family may be open ("Restrictions of incremental snapshots"). */
const MAX_OPEN_SNAPSHOTS_PER_FAMILY = 5;
const SAS_VERSION = '2018-03-28';

export interface DiskGrant {
  readonly grantId: string;
  readonly resourceId: string;
  readonly region: string;
  /** `/md-…/…/abcd` */
  readonly path: string;
  readonly snapshotTime: string | undefined;
  readonly identifier: string;
  readonly signature: string;
  readonly expiresMs: number;
  readonly familyId: string | undefined;
  /** The content without footer; undefined for write access. */
  readonly image: PageImage | undefined;
  /** What reads see. */
  readonly view: BlobView;
  /** What writes go to; undefined for read access. */
  readonly writable: PageBlob | undefined;
}

export interface DiskExportsOptions {
  readonly fronts: FrontFactory;
  readonly regions: readonly string[];
  readonly ledger: SecretLedger;
  /** Fixed port by region; a free one otherwise. */
  readonly ports?: Readonly<Record<string, number>>;
}

export interface LocalDiskExports extends DiskExports {
  /**
   * Whether read access to this snapshot may be granted: at most 5 snapshots of a family have an
   * open SAS at a time. Another grant for one that is open already is no new one.
   */
  mayOpenSnapshot(familyId: string, resourceId: string): boolean;
  /** The region of a URL of ours; undefined for any other. */
  regionOf(url: string): string | undefined;
  /** Judges the SAS in the URL. Throws AuthenticationFailed. */
  openSource(url: string): OpenedCopySource;
  close(): Promise<void>;
}

/** Starts one server per region. */
export async function createDiskExports(options: DiskExportsOptions): Promise<LocalDiskExports> {
  const grants = new Map<string, DiskGrant>();
  const byPath = new Map<string, DiskGrant>();
  const fronts = new Map<string, Front>();

  function isOpen(grant: DiskGrant): boolean {
    return grants.get(grant.grantId) === grant && Date.now() < grant.expiresMs;
  }

  /** No hint at what is wrong: revoked, expired and forged look the same. */
  function authorizeUrl(rawPath: string, query: URLSearchParams): DiskGrant {
    const grant = byPath.get(rawPath);
    const isRight =
      grant !== undefined &&
      isOpen(grant) &&
      query.get('sig') === grant.signature &&
      query.get('si') === grant.identifier &&
      query.get('sr') === 'b' &&
      query.get('sv') === SAS_VERSION &&
      (query.get('snapshot') ?? undefined) === grant.snapshotTime;
    if (!isRight) {
      throw storageErrors.authenticationFailed();
    }
    return grant;
  }

  function findByUrl(url: string): DiskGrant {
    if (!URL.canParse(url)) {
      throw storageErrors.invalidHeader('x-ms-previous-snapshot-url', url);
    }
    const { pathname, searchParams } = new URL(url);
    return authorizeUrl(pathname, searchParams);
  }

  for (const region of options.regions) {
    const port = options.ports?.[region];
    const front = await options.fronts.start({
      service: 'disk',
      region,
      ...(port === undefined ? {} : { port }),
      describe: (request) => describeRequest('disk', request),
      handle: (request, response) =>
        answerErrors(request, response, async () => {
          const exchange = openExchange(request, response);
          const grant = authorizeUrl(exchange.rawPath, exchange.query);
          if (grant.region !== region) {
            throw storageErrors.authenticationFailed();
          }
          await answerDiskRequest(exchange, grant, findByUrl, options.fronts.certificatePem);
        }),
    });
    fronts.set(region, front);
  }

  function originOf(region: string): string {
    const front = fronts.get(region);
    if (front === undefined) {
      throw new RangeError(`no region ${region}; there are ${[...fronts.keys()].join(', ')}`);
    }
    return front.origin;
  }

  function register(
    parts: Pick<
      DiskGrant,
      'region' | 'resourceId' | 'familyId' | 'image' | 'view' | 'writable' | 'snapshotTime'
    >,
    durationSeconds: number,
  ): { grantId: string; accessSas: string } {
    const grant: DiskGrant = {
      ...parts,
      grantId: randomUUID(),
      path: `/md-${randomBytes(6).toString('hex')}/${randomBytes(6).toString('hex')}/abcd`,
      identifier: randomUUID(),
      signature: randomBytes(32).toString('base64'),
      expiresMs: Date.now() + durationSeconds * 1000,
    };
    options.ledger.issued('sas-signature', grant.signature);
    grants.set(grant.grantId, grant);
    byPath.set(grant.path, grant);
    const query = [
      ...(grant.snapshotTime === undefined
        ? []
        : [`snapshot=${encodeURIComponent(grant.snapshotTime)}`]),
      `sv=${SAS_VERSION}`,
      'sr=b',
      `si=${grant.identifier}`,
      `sig=${encodeURIComponent(grant.signature)}`,
    ];
    return {
      grantId: grant.grantId,
      accessSas: `${originOf(grant.region)}${grant.path}?${query.join('&')}`,
    };
  }

  return {
    grantRead({ region, resourceId, image, familyId, durationSeconds, isSnapshot }) {
      const exported = withVhdFooter(image, familyId);
      const blob = createPageBlob('', 'abcd', 0);
      const time = isSnapshot ? newSnapshotTime() : undefined;
      const snapshot =
        time === undefined
          ? undefined
          : { time, image: exported, state: blob.state, generation: blob.generation };
      const view: BlobView = { content: exported, state: blob.state, blob, snapshot };
      if (snapshot === undefined) {
        blob.content = exported.fork();
      }
      const parts = { region, resourceId, familyId, image, view, writable: undefined };
      return register({ ...parts, snapshotTime: time }, durationSeconds);
    },

    grantWrite({ region, resourceId, store, durationSeconds }) {
      const blob = createPageBlob('', 'abcd', 0);
      blob.content = store;
      const view: BlobView = {
        content: store,
        get state() {
          return blob.state;
        },
        blob,
        snapshot: undefined,
      };
      const parts = { region, resourceId, familyId: undefined, image: undefined, view };
      return register({ ...parts, writable: blob, snapshotTime: undefined }, durationSeconds);
    },

    revoke(grantId) {
      byPath.delete(grants.get(grantId)?.path ?? '');
      grants.delete(grantId);
    },

    open: () =>
      [...grants.values()]
        .filter(isOpen)
        .map(({ grantId, resourceId }) => ({ grantId, resourceId })),

    mayOpenSnapshot(familyId, resourceId) {
      const opened = new Set(
        [...grants.values()]
          .filter((grant) => isOpen(grant) && grant.familyId === familyId)
          .filter((grant) => grant.snapshotTime !== undefined)
          .map((grant) => grant.resourceId.toLowerCase()),
      );
      return opened.has(resourceId.toLowerCase()) || opened.size < MAX_OPEN_SNAPSHOTS_PER_FAMILY;
    },

    regionOf(url) {
      const origin = URL.canParse(url) ? new URL(url).origin : '';
      return [...fronts].find(([, front]) => front.origin === origin)?.[0];
    },

    openSource(url) {
      const grant = findByUrl(url);
      return {
        image: grant.view.snapshot?.image ?? grant.view.blob.content.snapshot(),
        state: grant.view.state,
      };
    },

    async close() {
      await Promise.all([...fronts.values()].map((front) => front.close()));
    },
  };
}

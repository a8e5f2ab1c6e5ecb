/** Opens what Put Page From URL and Copy Blob read from: our page blobs, managed disks, anything else by https. */
import type { ByteRange, RegionSwitch } from '../contracts.ts';
import type { Access, AuthorizationParts } from './authorize.ts';
import { authorize, requirePermission } from './authorize.ts';
import type { CopySourceRequest, OpenedCopySource } from './copy-source.ts';
import { asCopySourceRefusal } from './copy-source.ts';
import type { LocalDiskExports } from './disk-exports.ts';
import type { Exchange, RequestView } from './exchange.ts';
import { splitBlobPath } from './exchange.ts';
import { fetchCopySource } from './fetch-copy-source.ts';
import type { PageBlobs } from './page-blob.ts';
import { storageErrors } from './storage-error.ts';

const VERSION = '2026-04-06';

export interface CopySourceParts {
  readonly blobs: PageBlobs;
  readonly authorization: AuthorizationParts;
  readonly disks: LocalDiskExports | undefined;
  readonly regionSwitch: RegionSwitch | undefined;
  readonly certificatePem: string;
  /** The region of an origin of a blob endpoint of ours. */
  blobRegionOf(origin: string): string | undefined;
}

export interface CopySources {
  /** Whether `open` would find the source here; says nothing about the right to read it. */
  knows(url: string): boolean;
  /**
   * `requester` is who asks for the copy: a source without signature or token of its own, in the
   * account of the copy, is read with the requester's key or token.
   */
  open(
    source: CopySourceRequest,
    requester: { readonly exchange: Exchange; readonly access: Access } | undefined,
  ): Promise<OpenedCopySource | undefined>;
  read(source: CopySourceRequest & { readonly range: ByteRange }): Promise<Buffer>;
}

/** Sources of ours are read in this process, all others over https. */
export function createCopySources(parts: CopySourceParts): CopySources {
  /** A source in a region that is off cannot be reached in time (documented with status 500). */
  function requireReachable(region: string): void {
    if (parts.regionSwitch?.isOff(region) === true) {
      throw storageErrors.cannotVerifyCopySource(
        500,
        'Could not verify the copy source within the specified time.',
      );
    }
  }

  function viewOf(source: CopySourceRequest): { view: RequestView; region: string } | undefined {
    const url = new URL(source.url);
    const region = parts.blobRegionOf(url.origin);
    if (region === undefined) {
      return undefined;
    }
    const view: RequestView = {
      method: 'GET',
      headers: { ...(source.authorization && { authorization: source.authorization }) },
      remoteAddress: '127.0.0.1',
      rawPath: url.pathname,
      query: url.searchParams,
      version: url.searchParams.get('sv') ?? VERSION,
      ...splitBlobPath(url.pathname),
    };
    return { view, region };
  }

  async function open(
    source: CopySourceRequest,
    requester: { readonly exchange: Exchange; readonly access: Access } | undefined,
  ): Promise<OpenedCopySource | undefined> {
    const diskRegion = parts.disks?.regionOf(source.url);
    if (parts.disks !== undefined && diskRegion !== undefined) {
      requireReachable(diskRegion);
      return parts.disks.openSource(source.url);
    }
    const found = viewOf(source);
    const blob =
      found && parts.blobs.find(found.view.account, found.view.container, found.view.blob);
    if (found === undefined || blob === undefined) {
      return undefined;
    }
    const { view, region } = found;
    requireReachable(region);
    const isOwn =
      requester !== undefined &&
      requester.access.kind !== 'sas' &&
      requester.exchange.account === view.account &&
      source.authorization === undefined &&
      !view.query.has('sig');
    if (!isOwn) {
      requirePermission(await authorize(view, parts.authorization), 'r');
    }
    const time = view.query.get('snapshot');
    if (time === null) {
      return { image: blob.content.snapshot(), state: blob.state };
    }
    const snapshot = blob.snapshots.get(time);
    if (snapshot === undefined) {
      throw storageErrors.blobNotFound();
    }
    return { image: snapshot.image, state: snapshot.state };
  }

  async function openVerified(
    source: CopySourceRequest,
    requester: { readonly exchange: Exchange; readonly access: Access } | undefined,
  ): Promise<OpenedCopySource | undefined> {
    try {
      return await open(source, requester);
    } catch (error) {
      throw asCopySourceRefusal(error);
    }
  }

  return {
    knows(url) {
      if (!URL.canParse(url)) {
        return false;
      }
      if (parts.disks?.regionOf(url) !== undefined) {
        return true;
      }
      const { origin, pathname } = new URL(url);
      const address = splitBlobPath(pathname);
      return (
        parts.blobRegionOf(origin) !== undefined &&
        parts.blobs.find(address.account, address.container, address.blob) !== undefined
      );
    },

    open: openVerified,

    async read(source) {
      const opened = await openVerified(source, undefined);
      if (opened === undefined) {
        return fetchCopySource(source, parts.certificatePem);
      }
      source.checkConditions(opened.state);
      const { start, end } = source.range;
      if (end > opened.image.sizeBytes) {
        const { details } = storageErrors.invalidRange(opened.image.sizeBytes);
        throw storageErrors.cannotVerifyCopySource(details.status, details.message);
      }
      return opened.image.read(start, end - start);
    },
  };
}

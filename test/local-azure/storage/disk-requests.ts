/** What a SAS of a managed disk allows: reads, page ranges, differences; page writes for an upload. */
import type { PageImage } from '../contracts.ts';
import { exportedDifferences } from './disk-differences.ts';
import type { DiskGrant } from './disk-exports.ts';
import type { Exchange } from './exchange.ts';
import { header } from './exchange.ts';
import { fetchCopySource } from './fetch-copy-source.ts';
import { sendPageList, writesOf } from './list-pages.ts';
import { checkRead, getBlob, getMetadata, getProperties } from './read-blob.ts';
import { storageErrors } from './storage-error.ts';
import { putPage } from './write-pages.ts';

/** `findByUrl` judges the SAS of the previous snapshot as if it came in a request of its own. */
export async function answerDiskRequest(
  exchange: Exchange,
  grant: DiskGrant,
  findByUrl: (url: string) => DiskGrant,
  certificatePem: string,
): Promise<void> {
  const comp = exchange.query.get('comp');
  const what = `${exchange.method} ${comp ?? ''}`.trim();
  switch (what) {
    case 'GET':
      await getBlob(exchange, grant.view);
      return;
    case 'HEAD':
      getProperties(exchange, grant.view);
      return;
    case 'GET metadata':
    case 'HEAD metadata':
      getMetadata(exchange, grant.view);
      return;
    case 'GET pagelist':
      listDiskPages(exchange, grant, findByUrl);
      return;
    case 'PUT page':
      if (grant.writable === undefined) {
        throw storageErrors.permissionMismatch();
      }
      await putPage(exchange, grant.writable, {
        readCopySource: (source) => fetchCopySource(source, certificatePem),
      });
      return;
    default:
      throw storageErrors.permissionMismatch();
  }
}

function listDiskPages(
  exchange: Exchange,
  grant: DiskGrant,
  findByUrl: (url: string) => DiskGrant,
): void {
  const { view } = grant;
  checkRead(exchange, view);
  const previousQuery = exchange.query.get('prevsnapshot');
  if (previousQuery !== null) {
    throw storageErrors.invalidQueryParameter(
      'prevsnapshot',
      previousQuery,
      'Use x-ms-previous-snapshot-url for managed disks.',
    );
  }
  const previousUrl = header(exchange, 'x-ms-previous-snapshot-url');
  const { sizeBytes } = view.content;
  if (previousUrl === undefined) {
    sendPageList(exchange, {
      sizeBytes,
      state: view.state,
      list: (window) => writesOf(view.content, window),
    });
    return;
  }
  const previous = findByUrl(previousUrl);
  const [current, earlier] = comparable(grant, previous);
  sendPageList(exchange, {
    sizeBytes,
    state: view.state,
    list: (window) => exportedDifferences(current, earlier, window),
  });
}

/** Only snapshots of one family, the previous one the older, can be compared. */
function comparable(grant: DiskGrant, previous: DiskGrant): [PageImage, PageImage] {
  const isFamily = grant.familyId !== undefined && grant.familyId === previous.familyId;
  if (!isFamily || grant.image === undefined || previous.image === undefined) {
    throw storageErrors.blobGenerationMismatch();
  }
  const probe = { start: 0, end: 0 };
  if (isBefore(previous.image, grant.image, probe)) {
    return [grant.image, previous.image];
  }
  throw isBefore(grant.image, previous.image, probe)
    ? storageErrors.previousSnapshotCannotBeNewer()
    : storageErrors.blobGenerationMismatch();
}

function isBefore(earlier: PageImage, later: PageImage, probe: { start: number; end: number }) {
  try {
    later.changedSince(earlier, probe);
    return true;
  } catch (error) {
    if (error instanceof RangeError) {
      return false;
    }
    throw error;
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import {
  type AppendBlobClient,
  BlobSASPermissions,
  type BlobServiceClient,
  generateBlobSASQueryParameters,
} from '@azure/storage-blob';

/** The cloud's end of a guest session over real append blobs, for tests. */
export interface BlobCloudEnd {
  readonly session: string;
  /** User delegation SAS URLs, as the product hands them to a guest. */
  readonly toGuestUrl: string;
  readonly fromGuestUrl: string;
  say(message: { readonly type: string } & Record<string, unknown>): Promise<void>;
  /** Waits for a message of that type; an Error when none comes in 20 s. */
  hear(type: string): Promise<Readonly<Record<string, unknown>>>;
  types(): Promise<readonly string[]>;
}

const HEAR_WITHIN_MS = 20_000;
const CONTAINER = 'guest-sessions';

export async function openBlobCloudEnd(
  service: BlobServiceClient,
  session: string,
): Promise<BlobCloudEnd> {
  const container = service.getContainerClient(CONTAINER);
  await container.createIfNotExists();
  const toGuest = container.getAppendBlobClient(`${session}/to-guest`);
  const fromGuest = container.getAppendBlobClient(`${session}/from-guest`);
  await toGuest.create();
  await fromGuest.create();
  let seq = 0;

  async function lines(): Promise<Record<string, unknown>[]> {
    const text = (await fromGuest.downloadToBuffer()).toString('utf8');
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  return {
    session,
    toGuestUrl: await signBlobUrl(service, toGuest, 'r'),
    fromGuestUrl: await signBlobUrl(service, fromGuest, 'ra'),
    async say(message) {
      const line = `${JSON.stringify({ v: 1, session, seq, ...message })}\n`;
      seq += 1;
      await toGuest.appendBlock(line, Buffer.byteLength(line));
    },
    async hear(type) {
      const untilMs = performance.now() + HEAR_WITHIN_MS;
      while (performance.now() < untilMs) {
        const found = (await lines()).find((line) => line['type'] === type);
        if (found !== undefined) return found;
        await sleep(20);
      }
      throw new Error(`the guest said no ${type} in ${HEAR_WITHIN_MS} ms`);
    },
    types: async () => (await lines()).map((line) => String(line['type'])),
  };
}

/** A user delegation SAS for one blob. */
export async function signBlobUrl(
  service: BlobServiceClient,
  blob: AppendBlobClient,
  permissions: string,
): Promise<string> {
  const startsOn = new Date(Date.now() - 60_000);
  const expiresOn = new Date(Date.now() + 600_000);
  const key = await service.getUserDelegationKey(startsOn, expiresOn);
  const sas = generateBlobSASQueryParameters(
    {
      containerName: blob.containerName,
      blobName: blob.name,
      permissions: BlobSASPermissions.parse(permissions),
      ...{ startsOn, expiresOn },
    },
    key,
    blob.accountName,
  );
  return `${blob.url}?${sas}`;
}

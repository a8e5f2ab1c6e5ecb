import {
  BlobSASPermissions,
  generateBlobSASQueryParameters,
  SASProtocol,
} from '@azure/storage-blob';
import { SESSION_CONTAINER } from '../catalog/storage-layout.ts';
import type { Clock } from '../time/clock.ts';
import type { AzureClients } from './azure-clients.ts';
import { sessionBlobNames } from './blob-guest-channel.ts';

/** Clocks of VM, service and storage may differ by minutes. */
const CLOCK_SKEW_MS = 5 * 60_000;

export interface SessionUrlOptions {
  readonly clients: Pick<AzureClients, 'blobServiceOnce'>;
  readonly sessionBlobEndpoint: string;
  readonly clock: Clock;
}

/**
 * The two URLs by which a guest reaches its session, signed with a user delegation key: https only,
 * one blob each, for as long as the helper may run. They are secrets: they go into the run command's
 * protected parameters and nowhere else.
 */
export async function signSessionUrls(
  { clients, sessionBlobEndpoint, clock }: SessionUrlOptions,
  sessionId: string,
  timeLimitMs: number,
): Promise<{ readonly toGuest: string; readonly fromGuest: string }> {
  const service = clients.blobServiceOnce(sessionBlobEndpoint);
  const startsOn = new Date(clock.now().getTime() - CLOCK_SKEW_MS);
  const expiresOn = new Date(clock.now().getTime() + timeLimitMs + CLOCK_SKEW_MS);
  const key = await service.getUserDelegationKey(startsOn, expiresOn);
  const container = service.getContainerClient(SESSION_CONTAINER);
  const sign = (blobName: string, permissions: string): string => {
    const query = generateBlobSASQueryParameters(
      {
        containerName: SESSION_CONTAINER,
        blobName,
        permissions: BlobSASPermissions.parse(permissions),
        startsOn,
        expiresOn,
        protocol: SASProtocol.Https,
      },
      key,
      service.accountName,
    );
    return `${container.getBlobClient(blobName).url}?${query.toString()}`;
  };
  const names = sessionBlobNames(sessionId);
  return {
    toGuest: sign(names.toGuest, 'r'),
    // Read, too: after a lost answer the helper looks whether its message arrived.
    fromGuest: sign(names.fromGuest, 'ra'),
  };
}

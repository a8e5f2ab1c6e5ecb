import type { TokenCredential } from '@azure/core-auth';
import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  ChainedTokenCredential,
  ManagedIdentityCredential,
} from '@azure/identity';

/**
 * The app's managed identity, and on a developer's machine whoever is signed in there. Secrets and
 * certificates in the environment are not looked at: the service has none.
 */
export function createAzureCredential(options: {
  /** Client id of a user-assigned identity; absent: the system-assigned one. */
  readonly clientId?: string;
  /** Whether the platform offers a managed identity (it sets `IDENTITY_ENDPOINT`). */
  readonly hasManagedIdentity: boolean;
}): TokenCredential {
  if (options.hasManagedIdentity) {
    return options.clientId === undefined
      ? new ManagedIdentityCredential()
      : new ManagedIdentityCredential({ clientId: options.clientId });
  }
  return new ChainedTokenCredential(new AzureCliCredential(), new AzureDeveloperCliCredential());
}

import type { TypedData } from '../core/worker-protocol.ts';

/** Placeholder that durable-functions replaces by the instance id. */
const ID = 'INSTANCEID';

export interface ClientLinkOptions {
  /** Public base, for example `http://127.0.0.1:7071`. */
  baseUrl: string;
  /** Where clients of this app call without a key; ends in `/`. */
  rpcBaseUrl: string;
  hubName: string;
  systemKey: string;
}

export const WEBHOOK_PATH = '/runtime/webhooks/durabletask';

/** Management links of one instance, as the extension hands them out, system key included. */
export function createInstanceLinks(
  options: ClientLinkOptions,
  id: string,
): Record<string, string> {
  const query = `taskHub=${options.hubName}&connection=Storage&code=${options.systemKey}`;
  const base = `${options.baseUrl}${WEBHOOK_PATH}/instances/${id}`;
  return {
    id,
    statusQueryGetUri: `${base}?${query}`,
    sendEventPostUri: `${base}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${base}/terminate?reason={text}&${query}`,
    rewindPostUri: `${base}/rewind?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${base}?${query}`,
    restartPostUri: `${base}/restart?${query}`,
    suspendPostUri: `${base}/suspend?reason={text}&${query}`,
    resumePostUri: `${base}/resume?reason={text}&${query}`,
  };
}

/** What a durable client binding receives. */
export function createClientData(options: ClientLinkOptions): TypedData {
  const query = `taskHub=${options.hubName}&connection=Storage&code=${options.systemKey}`;
  const create = `${options.baseUrl}${WEBHOOK_PATH}/orchestrators/{functionName}[/{instanceId}]?code=${options.systemKey}`;
  return {
    string: JSON.stringify({
      taskHubName: options.hubName,
      creationUrls: {
        createNewInstancePostUri: create,
        createAndWaitOnNewInstancePostUri: `${create}&timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}`,
      },
      managementUrls: createInstanceLinks(options, ID),
      baseUrl: `${options.baseUrl}${WEBHOOK_PATH}`,
      requiredQueryStringParameters: query,
      rpcBaseUrl: options.rpcBaseUrl,
    }),
  };
}

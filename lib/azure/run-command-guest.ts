import type { VirtualMachineRunCommand } from '@azure/arm-compute';
import { BackupError } from '../errors.ts';
import { done, refused } from '../outcome.ts';
import type { GuestCommandState, GuestCommands } from '../ports/guest-commands.ts';
import type { Clock } from '../time/clock.ts';
import { coerceAzureError, isNotFound, toBackupError } from './arm-errors.ts';
import type { AzureClients } from './azure-clients.ts';
import { guestLauncher } from './guest-launcher.ts';
import { limitedSignal } from './request-limits.ts';
import { maskSecrets } from './secret-masking.ts';
import { signSessionUrls } from './session-urls.ts';
import { vmAddressOf } from './vm-resource-id.ts';

const START_LIMIT_MS = 30_000;
const REMOVE_LIMIT_MS = 120_000;
const REMOVE_POLL_MS = 1_000;

export interface RunCommandGuestOptions {
  readonly clients: Pick<AzureClients, 'compute' | 'computeOnce' | 'blobServiceOnce'>;
  readonly sessionBlobEndpoint: string;
  readonly clock: Clock;
}

/**
 * Starts the helper by *managed* Run Command, asynchronously. The two SAS URLs of its session are
 * named protected parameters: these become environment variables of the script and never come back
 * from a read, while unnamed ones end up on a command line (Azure/run-command-handler-linux, exec.go).
 */
export function createRunCommandGuest(options: RunCommandGuestOptions): GuestCommands {
  const { clients } = options;
  const nameOf = (sessionId: string): string => `lockstep-${sessionId}`;
  const readCommand = async (commandId: string): Promise<VirtualMachineRunCommand | undefined> => {
    const { resourceGroup, vmName, name } = commandAddressOf(commandId);
    try {
      return await clients.compute.virtualMachineRunCommands.getByVirtualMachine(
        resourceGroup,
        vmName,
        name,
        { expand: 'instanceView' },
      );
    } catch (error) {
      if (!(error instanceof BackupError) && isNotFound(error)) return undefined;
      throw toBackupError(error, 'read a run command', commandId);
    }
  };

  return {
    idOf: (vmId, sessionId) => `${vmId}/runCommands/${nameOf(sessionId)}`,

    async start(order, signal) {
      const { resourceGroup, name: vmName } = vmAddressOf(order.vmId);
      try {
        const urls = await signSessionUrls(options, order.sessionId, order.timeLimitMs);
        const command: VirtualMachineRunCommand = {
          location: order.region,
          source: { script: guestLauncher(order.helperSource) },
          asyncExecution: true,
          timeoutInSeconds: Math.ceil(order.timeLimitMs / 1000),
          treatFailureAsDeploymentFailure: false,
          parameters: [
            { name: 'LOCKSTEP_SESSION', value: order.sessionId },
            {
              name: 'LOCKSTEP_HELLO_TIMEOUT_S',
              value: String(Math.ceil(order.helloTimeoutMs / 1000)),
            },
          ],
          protectedParameters: [
            { name: 'LOCKSTEP_TO_GUEST_URL', value: urls.toGuest },
            { name: 'LOCKSTEP_FROM_GUEST_URL', value: urls.fromGuest },
          ],
          tags: { ...order.tags },
        };
        const poller = clients.computeOnce.virtualMachineRunCommands.createOrUpdate(
          resourceGroup,
          vmName,
          nameOf(order.sessionId),
          command,
          { abortSignal: limitedSignal(START_LIMIT_MS, signal) },
        );
        await poller.submitted();
        return done(undefined);
      } catch (error) {
        const { kind, code, message } = coerceAzureError(error);
        if (kind === 'refused' || kind === 'notFound') {
          return refused(
            'GuestCommandRefused',
            `The platform would not run the helper: ${code}: ${message}`,
            order.vmId,
          );
        }
        throw toBackupError(error, 'start the helper in the VM', order.vmId);
      }
    },

    async readState(commandId) {
      const command = await readCommand(commandId);
      return command === undefined ? undefined : stateOf(command);
    },

    async readTags(commandId) {
      const command = await readCommand(commandId);
      return command === undefined ? undefined : (command.tags ?? {});
    },

    async remove(commandId) {
      const { resourceGroup, vmName, name } = commandAddressOf(commandId);
      try {
        await clients.compute.virtualMachineRunCommands.delete(resourceGroup, vmName, name, {
          abortSignal: AbortSignal.timeout(REMOVE_LIMIT_MS),
          updateIntervalInMs: REMOVE_POLL_MS,
        });
      } catch (error) {
        if (isNotFound(error)) return;
        throw toBackupError(error, 'delete a run command', commandId);
      }
    },
  };
}

function commandAddressOf(commandId: string): {
  readonly resourceGroup: string;
  readonly vmName: string;
  readonly name: string;
} {
  const at = commandId.toLowerCase().lastIndexOf('/runcommands/');
  const { resourceGroup, name: vmName } = vmAddressOf(commandId.slice(0, Math.max(0, at)));
  return { resourceGroup, vmName, name: commandId.slice(at + '/runCommands/'.length) };
}

function stateOf(command: VirtualMachineRunCommand): GuestCommandState {
  const view = command.instanceView;
  const printed = [view?.executionMessage, view?.output, view?.error]
    .filter((text) => text !== undefined && text !== '')
    .join('\n');
  const execution = executionOf(view?.executionState ?? '', command.provisioningState ?? '');
  return {
    execution,
    ...(view?.exitCode === undefined || execution === 'pending' || execution === 'running'
      ? {}
      : { exitCode: view.exitCode }),
    output: maskSecrets(printed).slice(-4096),
  };
}

/** Unknown, Pending, Running, Failed, Succeeded, TimedOut, Canceled. */
function executionOf(state: string, provisioningState: string): GuestCommandState['execution'] {
  if (/^succeeded$/i.test(state)) return 'succeeded';
  if (/^(failed|timedout|canceled|cancelled)$/i.test(state)) return 'failed';
  if (/^running$/i.test(state)) return 'running';
  // The agent never took it (VMAgentStatusCommunicationError, after 25 minutes).
  return /^failed$/i.test(provisioningState) ? 'failed' : 'pending';
}

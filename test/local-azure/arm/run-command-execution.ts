import type { RunCommandRequest } from '../contracts.ts';
import { ArmError, invalidParameter, requiredParameter } from './arm-error.ts';
import type { ArmState, RunCommandState } from './arm-state.ts';
import { arrayAt, type JsonObject, numberAt, stringAt } from './json.ts';

/** The instance view keeps the end of what the script wrote (documented: last 4 KB). */
const keptOutputBytes = 4096;
const maxTimeoutSeconds = 90 * 24 * 3600;
const defaultTimeoutSeconds = 3600;

function readParameters(properties: JsonObject, field: string): Record<string, string> {
  const named: Record<string, string> = {};
  for (const parameter of arrayAt(properties, field)) {
    const name = stringAt(parameter, 'name');
    const value = stringAt(parameter, 'value');
    if (name === undefined) throw requiredParameter(`${field}.name`);
    if (value === undefined) throw requiredParameter(`${field}.value`);
    named[name] = value;
  }
  return named;
}

/** The body of a run command's PUT, checked. */
export function readRunCommand(
  properties: JsonObject,
  vmId: string,
  name: string,
): RunCommandRequest {
  const script = stringAt(properties, 'source', 'script');
  if (script === undefined) throw requiredParameter('runCommand.properties.source.script');
  const timeoutSeconds = numberAt(properties, 'timeoutInSeconds') ?? defaultTimeoutSeconds;
  const isValid =
    Number.isInteger(timeoutSeconds) && timeoutSeconds >= 1 && timeoutSeconds <= maxTimeoutSeconds;
  if (!isValid) throw invalidParameter('runCommand.properties.timeoutInSeconds', timeoutSeconds);
  return {
    vmId,
    name,
    script,
    parameters: readParameters(properties, 'parameters'),
    protectedParameters: readParameters(properties, 'protectedParameters'),
    timeoutSeconds,
  };
}

function lastBytes(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.length <= keptOutputBytes ? text : bytes.subarray(-keptOutputBytes).toString('utf8');
}

function hasSucceeded(command: RunCommandState): boolean {
  return command.executionState === 'Succeeded';
}

export interface ExecutionOptions {
  wait(milliseconds: number): Promise<void>;
  readonly isAsync: boolean;
  readonly failsWithScript: boolean;
  /** False once the resource was deleted or put again. */
  isCurrent(): boolean;
}

/**
 * Runs the script through the VM's agent. With asyncExecution it returns when the script starts,
 * otherwise when it ends. Throws VMAgentStatusCommunicationError after the agent's time-out.
 */
export async function startRunCommand(
  state: ArmState,
  request: RunCommandRequest,
  command: RunCommandState,
  options: ExecutionOptions,
): Promise<void> {
  const { min, max } = state.settings.runCommandLatencyMs;
  if (state.agent.agentStatus(request.vmId) !== 'Ready') {
    await options.wait(state.settings.agentTimeoutMs);
    throw new ArmError(
      409,
      'VMAgentStatusCommunicationError',
      `VM '${request.vmId.split('/').at(-1) ?? ''}' has not reported status for VM agent or extensions. Please verify the VM has a running VM agent, and can establish outbound connections to Azure storage.`,
    );
  }
  await options.wait(state.random.integer(min, max));
  if (!options.isCurrent()) {
    command.executionState = 'Canceled';
    return;
  }
  const process = state.agent.runCommand(request);
  command.process = process;
  command.executionState = 'Running';
  command.startTime = new Date().toISOString();
  const timer = setTimeout(
    () => {
      if (command.process !== process) return;
      command.executionState = 'TimedOut';
      command.executionMessage = `The script ran longer than ${request.timeoutSeconds} seconds.`;
      process.kill();
    },
    Math.min(request.timeoutSeconds * 1000, 2 ** 31 - 1),
  );
  timer.unref();

  const ended = process.finished.then((result) => {
    clearTimeout(timer);
    command.exitCode = result.exitCode;
    command.output = lastBytes(result.output);
    command.error = lastBytes(result.error);
    command.endTime = new Date().toISOString();
    command.process = undefined;
    if (command.executionState === 'Running') {
      command.executionState = result.exitCode === 0 ? 'Succeeded' : 'Failed';
      command.executionMessage =
        result.exitCode === 0
          ? 'Execution completed'
          : `failed to execute command: command terminated with exit status=${result.exitCode}`;
    }
  });
  if (options.isAsync) {
    ended.catch((error: unknown) => {
      command.executionState = 'Failed';
      command.executionMessage = error instanceof Error ? error.message : String(error);
    });
    return;
  }
  await ended;
  if (options.failsWithScript && !hasSucceeded(command)) {
    throw new ArmError(409, 'VMExtensionProvisioningError', command.executionMessage);
  }
}

import type { Json } from './json.ts';

/** A refusal that ARM or a resource provider answers with, or that a long-running operation ends in. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  readonly target: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: string,
    message: string,
    extra: { readonly target?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.name = 'ArmError';
    this.status = status;
    this.code = code;
    this.target = extra.target;
    this.headers = extra.headers ?? {};
  }

  toBody(): { readonly error: { readonly [key: string]: Json } } {
    return {
      error: {
        code: this.code,
        ...(this.target === undefined ? {} : { target: this.target }),
        message: this.message,
      },
    };
  }
}

/** ARM itself refused, not a resource provider. */
export const fromGateway = { headers: { 'x-ms-failure-cause': 'gateway' } } as const;

export function resourceNotFound(type: string, name: string, resourceGroup: string): ArmError {
  return new ArmError(
    404,
    'ResourceNotFound',
    `The Resource '${type}/${name}' under resource group '${resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    fromGateway,
  );
}

export function resourceGroupNotFound(name: string): ArmError {
  return new ArmError(
    404,
    'ResourceGroupNotFound',
    `Resource group '${name}' could not be found.`,
    fromGateway,
  );
}

/** From the Disk resource provider, for a source that is missing or in another region. */
export function sourceNotFound(id: string): ArmError {
  return new ArmError(404, 'NotFound', `Resource ${id.split('/').at(-1) ?? id} is not found.`);
}

export function requiredParameter(name: string): ArmError {
  return new ArmError(400, 'InvalidParameter', `Required parameter '${name}' is missing (null).`, {
    target: name,
  });
}

export function invalidParameter(name: string, value: Json): ArmError {
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  return new ArmError(
    400,
    'InvalidParameter',
    `The value '${shown ?? 'null'}' of parameter '${name}' is invalid.`,
    { target: name },
  );
}

export function operationNotAllowed(message: string): ArmError {
  return new ArmError(409, 'OperationNotAllowed', message);
}

/** Concurrent writes to one VM. */
export function concurrentRequest(): ArmError {
  return new ArmError(
    409,
    'Conflict',
    'The request failed due to conflict with a concurrent request. To resolve it, please refer to https://aka.ms/activitylog to get more details on the conflicting requests.',
  );
}

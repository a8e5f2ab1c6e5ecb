import { registeredRoles } from './config.ts';
import { isRegisteredFor } from './roles.ts';

const roles = registeredRoles();

/** Registers a function if one of this app's roles has it (roles.ts). */
export function registerFor(functionName: string, register: () => void): void {
  if (isRegisteredFor(roles, functionName)) register();
}

/** Whether the value of a route parameter satisfies its constraints. */
export type ParameterCheck = (value: string) => boolean;

export interface ParsedRoute {
  /** Paths for find-my-way: two when the last parameter is optional. */
  paths: string[];
  checks: Map<string, ParameterCheck>;
  /** Name of the catch-all parameter. */
  wildcard: string | undefined;
}

const GUID = /^\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i;

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most;
}

function isInteger(value: string, least: bigint, most: bigint): boolean {
  return /^[+-]?\d+$/.test(value) && BigInt(value) >= least && BigInt(value) <= most;
}

/** The constraints of ASP.NET Core routing (learn.microsoft.com, "Routing in ASP.NET Core", route constraints). */
function createCheck(name: string, argument: string): ParameterCheck | undefined {
  const numbers = argument.split(',').map(Number);
  const [first = Number.NaN, second = first] = numbers;
  switch (name) {
    case 'int':
      return (value) => isInteger(value, -(2n ** 31n), 2n ** 31n - 1n);
    case 'long':
      return (value) => isInteger(value, -(2n ** 63n), 2n ** 63n - 1n);
    case 'bool':
      return (value) => /^(true|false)$/i.test(value);
    case 'datetime':
      return (value) => !Number.isNaN(Date.parse(value));
    case 'decimal':
    case 'double':
    case 'float':
      return (value) => value.trim() !== '' && Number.isFinite(Number(value));
    case 'guid':
      return (value) => GUID.test(value);
    case 'alpha':
      return (value) => /^[a-z]*$/i.test(value);
    case 'required':
      return (value) => value !== '';
    case 'minlength':
      return (value) => value.length >= first;
    case 'maxlength':
      return (value) => value.length <= first;
    case 'length':
      return (value) => isWithin(value.length, first, second);
    case 'min':
      return (value) => Number(value) >= first;
    case 'max':
      return (value) => Number(value) <= first;
    case 'range':
      return (value) => isWithin(Number(value), first, second);
    case 'regex': {
      const pattern = new RegExp(argument);
      return (value) => pattern.test(value);
    }
    default:
      return undefined;
  }
}

interface Parameter {
  name: string;
  isOptional: boolean;
  isWildcard: boolean;
  checks: ParameterCheck[];
}

function parseParameter(inner: string): Parameter {
  const isWildcard = inner.startsWith('*');
  const text = inner.replace(/^\*+/, '');
  const isOptional = text.endsWith('?');
  const [name = '', ...constraints] = (isOptional ? text.slice(0, -1) : text).split(/:(?![^(]*\))/);
  if (!/^\w+$/.test(name)) {
    throw new Error(`the route parameter "{${inner}}" has no valid name`);
  }
  const checks = constraints.map((constraint) => {
    const [, kind = '', argument = ''] = /^(\w+)(?:\((.*)\))?$/.exec(constraint) ?? [];
    const check = createCheck(kind, argument);
    if (!check) {
      throw new Error(`the route constraint "${constraint}" of "${name}" is unknown`);
    }
    return check;
  });
  return { name, isOptional, isWildcard, checks };
}

/** Reads a route template such as `vms/{id:int?}` or `files/{*path}`. Throws an Error that says what is wrong. */
export function parseRoute(template: string): ParsedRoute {
  const checks = new Map<string, ParameterCheck>();
  let wildcard: string | undefined;
  const segments = template.split(/\/(?![^{]*\})/).filter((segment) => segment !== '');
  const converted: string[] = [];
  let isLastOptional = false;
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1;
    const match = /^\{(.+)\}$/.exec(segment);
    if (!match) {
      if (/[{}]/.test(segment)) {
        throw new Error(`the route segment "${segment}" mixes text and parameters`);
      }
      converted.push(segment.replaceAll(':', '::'));
      continue;
    }
    const parameter = parseParameter(match[1] ?? '');
    if (checks.has(parameter.name)) {
      throw new Error(`the route parameter "${parameter.name}" occurs twice`);
    }
    if ((parameter.isOptional || parameter.isWildcard) && !isLast) {
      throw new Error(`only the last segment may be optional or catch-all: "${segment}"`);
    }
    checks.set(parameter.name, (value) => parameter.checks.every((check) => check(value)));
    isLastOptional = parameter.isOptional;
    if (parameter.isWildcard) {
      wildcard = parameter.name;
      isLastOptional = true;
    }
    converted.push(parameter.isWildcard ? '*' : `:${parameter.name}`);
  }
  const path = `/${converted.join('/')}`;
  const paths = isLastOptional ? [`/${converted.slice(0, -1).join('/')}`, path] : [path];
  return { paths, checks, wildcard };
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Every layer, and what it may import besides itself. The single place where the rule is written. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  kernel: ['node:crypto'],
  model: ['kernel', 'node:crypto', 'npm:ajv', 'npm:ajv-formats'],
  ports: ['kernel', 'model'],
  operations: ['kernel', 'model', 'ports', 'node:crypto', 'npm:ajv'],
  adapters: ['kernel', 'model', 'ports', 'npm:@azure/', 'npm:ajv', 'node:'],
  'functions/shared': ['kernel', 'model', 'ports', 'operations', 'adapters', 'npm:', 'node:'],
  'functions/orchestrations': [
    'kernel',
    'model',
    'operations',
    'functions/shared',
    'npm:durable-functions',
  ],
  'functions/activities': [
    'kernel',
    'model',
    'operations',
    'functions/shared',
    'npm:durable-functions',
  ],
  'functions/http': ['kernel', 'model', 'ports', 'operations', 'functions/shared', 'npm:'],
  'functions/timers': ['kernel', 'model', 'ports', 'operations', 'functions/shared', 'npm:'],
};

/** Every folder and loose file of lib has a layer; a new one has to be named here. */
const LIB: Readonly<Record<string, string>> = {
  'outcome.ts': 'kernel',
  'errors.ts': 'kernel',
  'events.ts': 'kernel',
  time: 'kernel',
  digest: 'kernel',
  transfer: 'kernel',
  policy: 'model',
  catalog: 'model',
  ports: 'ports',
  consistency: 'operations',
  copy: 'operations',
  retention: 'operations',
  restore: 'operations',
  verify: 'operations',
  azure: 'adapters',
};

function layerOf(file: string): string {
  const [root = '', folder = ''] = file.split(sep);
  return root === 'functions'
    ? `functions/${folder}`
    : (LIB[folder] ?? `unknown folder lib/${folder}`);
}

const sourcesUnder = (...roots: string[]): string[] =>
  roots
    .filter((root) => existsSync(root))
    .flatMap((root) =>
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => join(root, file)),
    );

/** Static, re-exporting, side-effect and dynamic imports. */
const IMPORT =
  /^(?:import|export)\b[^;]*?from '([^']+)'|^import '([^']+)'|\b(?:import|require)\('([^']+)'\)/gm;
const importsOf = (files: readonly string[]): { file: string; specifier: string }[] =>
  files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(IMPORT)].map((match) => ({
      file,
      specifier: match[1] ?? match[2] ?? match[3] ?? '',
    })),
  );

/** Why `file` may not import `specifier`; undefined when it may. */
function violation(file: string, specifier: string): string | undefined {
  const from = layerOf(file);
  const allowed = MAY_IMPORT[from];
  if (!allowed) return `${file} has no layer (${from})`;
  if (!specifier.startsWith('.')) {
    const external = specifier.startsWith('node:') ? specifier : `npm:${specifier}`;
    return allowed.some((prefix) => external.startsWith(prefix))
      ? undefined
      : `${from} must not import ${specifier}`;
  }
  const target = normalize(join(dirname(file), specifier));
  const to = layerOf(target);
  const sameOperation = file.split(sep)[1] === target.split(sep)[1];
  if (
    from === 'functions/orchestrations' &&
    /shared\/(services|services-on-use|config)\.ts$/.test(target)
  ) {
    return 'an orchestration must not reach services or settings';
  }
  if (to === from) {
    return from !== 'operations' || sameOperation
      ? undefined
      : `operation ${file} must not import operation ${target}`;
  }
  return allowed.includes(to) ? undefined : `${from} must not import ${to}`;
}

const product = sourcesUnder('functions', 'lib');
const violationsOf = (imports: readonly { file: string; specifier: string }[]): string[] =>
  imports.flatMap(({ file, specifier }) => {
    const why = violation(file, specifier);
    return why ? [`${file} -> ${specifier}: ${why}`] : [];
  });

describe('layers of the product', () => {
  it('finds imports to check', () => {
    expect(importsOf(product).length).toBeGreaterThan(100);
  });

  it('keeps every file in a known layer', () => {
    expect(product.filter((file) => !(layerOf(file) in MAY_IMPORT))).toEqual([]);
  });

  it('lets no import break the dependency rule', () => {
    expect(violationsOf(importsOf(product))).toEqual([]);
  });

  it.each([
    ['lib/copy/x.ts', '../consistency/y.ts'],
    ['lib/copy/x.ts', '../azure/arm-errors.ts'],
    ['lib/copy/x.ts', '@azure/storage-blob'],
    ['lib/catalog/x.ts', '../ports/catalog-store.ts'],
    ['lib/errors.ts', 'node:fs'],
    ['lib/azure/x.ts', '../copy/copy-slice.ts'],
    ['functions/orchestrations/x.ts', '../shared/services.ts'],
    ['functions/orchestrations/x.ts', 'node:crypto'],
    ['functions/activities/x.ts', '../../lib/azure/azure-clients.ts'],
    ['lib/newfolder/x.ts', '../outcome.ts'],
  ])('reports a planted import of %s from %s', (file, specifier) => {
    expect(violation(normalize(file), specifier)).toBeDefined();
  });
});

describe('the environment and the clock', () => {
  const readers = (pattern: RegExp): string[] =>
    product.filter((file) => pattern.test(readFileSync(file, 'utf8'))).sort();

  it('lets one file read the settings', () => {
    expect(readers(/\bprocess\.env\b/)).toEqual([join('functions', 'shared', 'config.ts')]);
  });

  it('lets nothing but adapters ask the machine for the time', () => {
    const asking = readers(/\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|\bsetTimeout\(/);
    expect(asking).toContain(join('lib', 'azure', 'real-clock.ts'));
    expect(asking.filter((file) => layerOf(file) !== 'adapters')).toEqual([]);
  });
});

describe('evidence from the other side', () => {
  const stands = sourcesUnder('test/local-azure', 'test/local-host');
  /** The only packages of the product that the local host may load are those it exists to run. */
  const outside = (file: string, specifier: string): boolean => {
    if (!specifier.startsWith('.')) return false;
    const target = normalize(join(dirname(file), specifier));
    return (
      !target.startsWith(`test${sep}local-azure`) && !target.startsWith(`test${sep}local-host`)
    );
  };

  it('finds files to check', () => {
    expect(stands.length).toBeGreaterThan(20);
  });

  it('imports nothing of the product in local Azure and local host', () => {
    const reached = importsOf(stands).filter(({ file, specifier }) => outside(file, specifier));
    expect(reached.map(({ file, specifier }) => `${file} -> ${specifier}`)).toEqual([]);
  });

  it('reports a planted import of the product', () => {
    expect(
      outside(join('test', 'local-azure', 'arm', 'x.ts'), '../../../lib/digest/digest.ts'),
    ).toBe(true);
  });

  it('imports nothing of the local Azure in the product', () => {
    const reached = importsOf(product).filter(({ specifier }) => specifier.includes('/test/'));
    expect(reached).toEqual([]);
  });
});

describe('files', () => {
  const LIMIT_LINES = 320;

  it(`stay under ${LIMIT_LINES} lines`, () => {
    const long = [...product, ...sourcesUnder('test', 'scripts')].filter(
      (file) => readFileSync(file, 'utf8').split('\n').length > LIMIT_LINES,
    );
    expect(long).toEqual([]);
  });

  it('have names that say what they hold', () => {
    // "Guest helper" is the design's name of the program that runs in the guest.
    const vague = [...product, ...sourcesUnder('test', 'scripts')].filter((file) =>
      /(?<!guest)(^|[/-])(utils?|helpers?|manager|common|misc)([-.]|$)/.test(file),
    );
    expect(vague).toEqual([]);
  });
});

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** An app in a folder of its own, laid out like a published one. */
export interface WrittenApp {
  dir: string;
  stateFile: string;
  logFile: string;
  remove(): void;
}

const PACKAGE_JSON = { name: 'written', type: 'module', main: 'functions/*.js' };

const HOST_JSON = {
  version: '2.0',
  extensions: { durableTask: { hubName: 'WrittenHub' } },
  extensionBundle: {
    id: 'Microsoft.Azure.Functions.ExtensionBundle',
    version: '[4.*, 5.0.0)',
  },
};

/**
 * Writes an app with the given files (path -> text); package.json and host.json have defaults. Its node_modules are
 * those of this project.
 */
export function writeApp(files: Record<string, string>): WrittenApp {
  const root = mkdtempSync(join(tmpdir(), 'local-host-app-'));
  const dir = join(root, 'app');
  const all: Record<string, string> = {
    'package.json': JSON.stringify(PACKAGE_JSON),
    'host.json': JSON.stringify(HOST_JSON),
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  symlinkSync(join(import.meta.dirname, '..', '..', 'node_modules'), join(dir, 'node_modules'));
  return {
    dir,
    stateFile: join(root, 'state.sqlite'),
    logFile: join(root, 'host.log'),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

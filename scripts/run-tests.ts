/**
 * Runs vitest and ends with one line `N passed, N failed, N skipped`, counted from vitest's own
 * report. Under CI a skipped test is a failure: a skipped test is not a passed one.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';

const REPORT_FILE = '.local/test-report.json';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
}

mkdirSync('.local', { recursive: true });
rmSync(REPORT_FILE, { force: true });
const run = spawnSync(
  process.execPath,
  [
    '--no-warnings',
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${REPORT_FILE}`,
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit' },
);
const report = JSON.parse(readFileSync(REPORT_FILE, 'utf8')) as Report;
const skipped = report.numPendingTests + report.numTodoTests;
// A suite that fails before its tests are known counts no failed test, but success is false.
const failed = Math.max(report.numFailedTests, report.success ? 0 : 1);
const skippedInCi = process.env['CI'] === 'true' && skipped > 0;
if (skippedInCi) console.error(`CI allows no skipped test, ${skipped} were skipped.`);
console.log(`${report.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
process.exit(run.status === 0 && !skippedInCi && failed === 0 ? 0 : 1);

/**
 * Runs the local Azure until SIGTERM or SIGINT: `node test/local-azure/main.ts [--config FILE.json]`.
 * Prints one line of JSON (LocalAzureInfo) on standard output when everything listens.
 */
import { parseArgs } from 'node:util';
import { startLocalAzure } from './local-azure.ts';
import { ConfigError, readConfig } from './local-azure-config.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  const azure = await startLocalAzure(values.config === undefined ? {} : readConfig(values.config));
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    azure.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`local-azure: stop: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // The parent's death closes our standard input, if it gave us a pipe: nobody is left to stop us.
  if (process.env['LOCAL_AZURE_STOP_WITH_STDIN'] === '1') {
    process.stdin.resume();
    process.stdin.once('end', stop);
  }
  process.stdout.write(`${JSON.stringify(azure.info)}\n`);
}

main().catch((error: unknown) => {
  const text =
    error instanceof ConfigError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`local-azure: ${text}\n`);
  process.exit(1);
});

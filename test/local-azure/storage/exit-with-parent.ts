/** Preloaded into Azurite: a child must not outlive the local Azure, however that one ended. */
import process from 'node:process';

process.on('disconnect', () => process.exit(0));
process.channel?.unref();

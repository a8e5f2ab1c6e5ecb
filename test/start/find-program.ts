import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The full path of a program on PATH, or undefined. */
export function findProgram(
  name: string,
  searchPath: string | undefined = process.env['PATH'],
): string | undefined {
  const names = process.platform === 'win32' ? [`${name}.cmd`, `${name}.exe`] : [name];
  for (const directory of (searchPath ?? '').split(delimiter)) {
    if (directory === '') continue;
    for (const file of names.map((one) => join(directory, one))) {
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not here: the next directory.
      }
    }
  }
  return undefined;
}

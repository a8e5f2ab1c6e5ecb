import type { SecretLedger } from '../contracts.ts';
import type { SeededRandom } from '../seeded-random.ts';
import type { Identity } from './access-tokens.ts';

/** One identity per name, each with a header secret of its own, so that principals can be told apart. */
export function createIdentities(
  names: readonly string[],
  random: SeededRandom,
  secrets: SecretLedger,
): readonly Identity[] {
  return names.map((name) => {
    const header = random.bytes(24).toString('hex').toUpperCase();
    secrets.issued('token', header);
    return { name, header, principalId: random.uuid(), clientId: random.uuid() };
  });
}

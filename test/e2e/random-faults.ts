import type { ServiceName } from '../local-azure/contracts.ts';
import type { FaultAction } from '../local-azure/front/faults.ts';
import { type RunView, until } from '../world/lockstep-api.ts';
import type { App, World } from '../world/start-world.ts';

const KINDS: readonly FaultAction[] = [
  { status: 500 },
  { status: 503 },
  { status: 503, headers: { 'Retry-After': '1' } },
  { status: 429 },
  { status: 429, headers: { 'Retry-After': '1' } },
  { resetBefore: true },
  { resetAfter: true },
  { latencyMs: 400 },
];

/** Each request of each service is hit with the chance; which ones follows from the world's seed. */
export async function addRandomFaults(
  world: World,
  probability: number,
  services: readonly ServiceName[] = ['arm', 'blob', 'table', 'disk', 'identity'],
): Promise<void> {
  for (const service of services) {
    for (const action of KINDS) {
      await world.azure.control.addFault(
        { service, count: 0, probability: probability / KINDS.length },
        action,
      );
    }
  }
}

interface ProblemBody {
  readonly errorCode?: string;
  readonly runId?: string;
}

/** Statuses with which the product may put a caller off while its services are in trouble. */
const PUT_OFF = [409, 503];

/**
 * Starts a run and waits for its end, as a patient caller would who meets 503 on the way. Throws when
 * the product answers anything else than a problem document, a 500 above all.
 */
export async function runDespiteFaults(
  app: App,
  path: string,
  body: unknown,
  timeoutMs = 120_000,
): Promise<RunView> {
  const checked = async (method: string, where: string, sent?: unknown) => {
    const answer = await app.call<ProblemBody & RunView>(method, where, sent);
    const isFine = [200, 202].includes(answer.status);
    const isPutOff = PUT_OFF.includes(answer.status) && answer.body?.errorCode !== undefined;
    if (!isFine && !isPutOff) {
      throw new Error(`${method} ${where}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return { ...answer, isFine };
  };
  const location = await until(
    `${path} is accepted`,
    async () => {
      const answer = await checked('POST', path, body);
      if (answer.isFine) return answer.headers.get('location') ?? '';
      // Its first try was accepted, and only the answer said otherwise.
      return answer.body.errorCode === 'RunInProgress'
        ? `/api/runs/${answer.body.runId}`
        : undefined;
    },
    60_000,
    500,
  );
  return until(
    `run ${location} ends`,
    async () => {
      const answer = await checked('GET', location);
      return answer.isFine && answer.body.state !== 'running' ? answer.body : undefined;
    },
    timeoutMs,
  );
}

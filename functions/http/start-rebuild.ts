import { accepted, type HttpHandler, registerRoute } from '../shared/http-handler.ts';
import { compileSchema, readBody } from '../shared/http-input.ts';
import { instanceIds } from '../shared/names.ts';
import { fieldProblem } from '../shared/problems.ts';
import { startRebuild as start } from '../shared/rebuild.ts';

const validateBody = compileSchema<{ readonly target?: string }>({
  type: 'object',
  additionalProperties: false,
  properties: { target: { type: 'string', minLength: 1 } },
});

/** Fills the catalog from the manifests of one target, or of all. One rebuild at a time. */
export const startRebuild: HttpHandler = async ({ request, services, client }) => {
  const { target } = await readBody(request, validateBody, {});
  const known = services.settings.replicaTargets.map((one) => one.name);
  if (target !== undefined && !known.includes(target)) {
    throw fieldProblem('/target', `is not a replica target: known are ${known.join(', ')}`);
  }
  await start(client, services, target === undefined ? known : [target]);
  return accepted(instanceIds.rebuild, {});
};

registerRoute('startRebuild', {
  method: 'POST',
  route: 'catalog/rebuild',
  handler: startRebuild,
});

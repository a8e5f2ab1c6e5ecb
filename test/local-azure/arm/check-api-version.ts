import { versionsByFamily } from './api-versions.ts';
import { ArmError, fromGateway } from './arm-error.ts';
import type { ArmRoute } from './arm-router.ts';
import type { RegionInfo } from './arm-state.ts';

const shape = /^\d{4}-\d{2}-\d{2}(-[a-z]+)?$/i;

/** The api-version of a request, refused when it is missing or not one of the type's. */
export function checkApiVersion(
  query: URLSearchParams,
  route: ArmRoute,
  regions: readonly RegionInfo[],
): string {
  const version = query.get('api-version');
  if (version === null || version === '') {
    throw new ArmError(
      400,
      'MissingApiVersionParameter',
      'The api-version query parameter (?api-version=) is required for all requests.',
      fromGateway,
    );
  }
  if (route.family === 'polling') return version;
  const supported: readonly string[] = versionsByFamily[route.family];
  if (supported.includes(version)) return version;
  const list = supported.join(', ');
  if (!shape.test(version) || route.family === 'resources' || route.family === 'subscriptions') {
    throw new ArmError(
      400,
      'InvalidApiVersionParameter',
      `The api-version '${version}' is invalid. The supported versions are '${list}'.`,
      fromGateway,
    );
  }
  const locations = regions.map((region) => region.name).join(', ');
  throw new ArmError(
    400,
    'NoRegisteredProviderFound',
    `No registered resource provider found for location '${regions[0]?.name ?? ''}' and API version '${version}' for type '${route.type}'. The supported api-versions are '${list}'. The supported locations are '${locations}'.`,
    fromGateway,
  );
}

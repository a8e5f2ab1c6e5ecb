import { ArmError } from './arm-error.ts';
import type { ArmCall, ArmReply } from './arm-router.ts';
import type { ArmState } from './arm-state.ts';
import type { JsonObject } from './json.ts';

/**
 * One page of a list with `nextLink` to the next. `$skiptoken` carries the id of the last item, so
 * that items that come and go between pages neither repeat nor hide the others; the position is for
 * when that very item is gone.
 */
export function listPage(state: ArmState, call: ArmCall, items: readonly JsonObject[]): ArmReply {
  const given = [...call.query].find(([name]) => name.toLowerCase() === '$skiptoken')?.[1];
  let from = 0;
  if (given !== undefined) {
    const [position = '', lastId = ''] = Buffer.from(given, 'base64url')
      .toString('utf8')
      .split('|');
    if (!/^\d+$/.test(position)) {
      throw new ArmError(400, 'InvalidSkipToken', 'The $skiptoken is not one of this list.');
    }
    const at = items.findIndex((item) => item['id'] === lastId);
    from = at < 0 ? Number(position) : at + 1;
  }
  const page = items.slice(from, from + state.settings.pageSize);
  const isLast = from + page.length >= items.length;
  const last = page.at(-1);
  if (isLast || last === undefined) return { status: 200, body: { value: page } };
  const query = new URLSearchParams(
    [...call.query].filter(([name]) => name.toLowerCase() !== '$skiptoken'),
  );
  query.set(
    '$skiptoken',
    Buffer.from(`${from + page.length}|${String(last['id'])}`).toString('base64url'),
  );
  return {
    status: 200,
    body: { value: page, nextLink: `${state.origin()}${call.path}?${query.toString()}` },
  };
}

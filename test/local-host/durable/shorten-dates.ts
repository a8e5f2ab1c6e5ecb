/** A JSON string that is an ISO 8601 time whose fraction of a second ends in zeros. */
const DATE = /"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d*?)0+(Z|[+-]\d\d:\d\d)"/g;

/**
 * Drops the zeros at the end of the fraction of a second from every ISO time in a JSON text: `12:00:00.500Z` becomes
 * `12:00:00.5Z`, `12:00:00.000Z` becomes `12:00:00Z`. Reported for what a starter hands to an orchestrator and an
 * orchestrator to an activity (github.com/Azure/azure-functions-durable-js issue 264, open), and not seen everywhere:
 * an app must work with and without it.
 */
export function shortenDates(json: string): string {
  return json.replace(DATE, (_match, time: string, fraction: string, zone: string) => {
    return `"${time}${fraction === '.' ? '' : fraction}${zone}"`;
  });
}

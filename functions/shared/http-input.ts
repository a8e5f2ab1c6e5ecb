import type { HttpRequest } from '@azure/functions';
import { Ajv, type ErrorObject, type SchemaObject, type ValidateFunction } from 'ajv';
import { type FieldProblem, ProblemError } from './problems.ts';

/** Reads and checks what callers send. Everything wrong is reported at once, field by field. */

/** Far above any request of ours; a body is held in memory whole. */
const LONGEST_BODY_BYTES = 256 * 1024;

/** A body of the longest kind can be wrong in a hundred thousand places. */
const MOST_ERRORS = 20;
const LONGEST_FIELD_CHARACTERS = 200;

const ajv = new Ajv({ allErrors: true, verbose: true });

export const compileSchema = <T>(schema: SchemaObject): ValidateFunction<T> =>
  ajv.compile<T>(schema);

const fieldOf = ({ instancePath, keyword, params }: ErrorObject): string => {
  const own =
    keyword === 'additionalProperties'
      ? params['additionalProperty']
      : keyword === 'required'
        ? params['missingProperty']
        : undefined;
  const field = own === undefined ? instancePath : `${instancePath}/${String(own)}`;
  return field === '' ? '/' : field.slice(0, LONGEST_FIELD_CHARACTERS);
};

const messageOf = ({ keyword, params, message, parentSchema }: ErrorObject): string => {
  if (keyword === 'additionalProperties') return 'is not a known field';
  if (keyword === 'required') return 'is missing';
  if (keyword === 'enum')
    return `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`;
  const description: unknown = parentSchema?.['description'];
  if (keyword === 'pattern' && typeof description === 'string') return `must be ${description}`;
  return message ?? 'is wrong';
};

/** Keywords that only wrap the errors of their branches. */
const WRAPPERS = new Set(['oneOf', 'anyOf', 'if']);

const fieldProblems = (errors: readonly ErrorObject[]): FieldProblem[] => {
  const own = errors.filter((error) => !WRAPPERS.has(error.keyword));
  return (own.length > 0 ? own : errors).slice(0, MOST_ERRORS).map((error) => ({
    field: fieldOf(error),
    message: messageOf(error),
  }));
};

const refuseLongBody = (lengthBytes: number): void => {
  if (!(lengthBytes > LONGEST_BODY_BYTES)) return;
  throw new ProblemError({
    status: 413,
    errorCode: 'BodyTooLarge',
    detail: `The body must not be larger than ${LONGEST_BODY_BYTES} bytes`,
  });
};

/** The JSON body of a request, checked. `absentMeans` is taken for a request without a body. */
export async function readBody<T>(
  request: HttpRequest,
  validate: ValidateFunction<T>,
  absentMeans?: unknown,
): Promise<T> {
  // What announces no length is read, as far as the host lets it in, and then measured.
  refuseLongBody(Number(request.headers.get('content-length') ?? 0));
  const text = await request.text();
  refuseLongBody(Buffer.byteLength(text));
  let value: unknown = absentMeans;
  if (text.trim() !== '') {
    assertJson(request);
    try {
      value = JSON.parse(text);
    } catch (error) {
      const reason = error instanceof SyntaxError ? error.message : 'it cannot be read';
      throw new ProblemError({
        status: 400,
        errorCode: 'BodyMalformed',
        detail: `The body must be JSON: ${reason.slice(0, 200)}`,
      });
    }
  } else if (absentMeans === undefined) {
    throw new ProblemError({
      status: 400,
      errorCode: 'BodyMalformed',
      detail: 'The body must be JSON; it is empty',
    });
  }
  if (validate(value)) return value;
  const errors = fieldProblems(validate.errors ?? []);
  throw new ProblemError({
    status: 400,
    errorCode: 'FieldInvalid',
    detail: errors.map(({ field, message }) => `${field} ${message}`).join('; '),
    errors,
  });
}

function assertJson(request: HttpRequest): void {
  const mediaType = (request.headers.get('content-type') ?? '').split(';', 1)[0]?.trim() ?? '';
  if (mediaType.toLowerCase() === 'application/json') return;
  throw new ProblemError({
    status: 415,
    errorCode: 'MediaTypeNotSupported',
    detail: `The body must be sent as application/json${mediaType === '' ? '' : `, not as ${mediaType}`}`,
  });
}

/** The query parameters of a request, checked: none but the named ones, each once. */
export function readQuery<K extends string>(
  request: HttpRequest,
  rules: Readonly<Record<K, { readonly pattern: RegExp; readonly expected: string }>>,
): Partial<Record<K, string>> {
  const errors: FieldProblem[] = [];
  const values: Partial<Record<K, string>> = {};
  for (const [field, value] of request.query) {
    // The function key may travel as `code`; it is the host's, not ours.
    if (field === 'code') continue;
    if (!Object.hasOwn(rules, field)) {
      errors.push({ field, message: 'is not a known parameter' });
      continue;
    }
    const rule = rules[field as K];
    if (rule.pattern.test(value)) values[field as K] = value;
    else errors.push({ field, message: `must be ${rule.expected}` });
  }
  if (errors.length === 0) return values;
  throw new ProblemError({
    status: 400,
    errorCode: 'FieldInvalid',
    detail: errors.map(({ field, message }) => `${field} ${message}`).join('; '),
    errors,
  });
}

import { Ajv, type AnySchema } from 'ajv';
import addFormatsModule from 'ajv-formats';
import { MalformedDataError } from '../errors.ts';

// ajv-formats is CommonJS: its callable export is the `default` of what Node imports.
const addFormats = addFormatsModule as unknown as typeof addFormatsModule.default;
const ajv = new Ajv({ allErrors: false, strict: true, allowUnionTypes: true });
addFormats(ajv, ['date-time']);

/**
 * Makes a check for stored data of one form. The check answers the value, or throws a
 * `MalformedDataError` whose message names `where` (table and keys, or a blob's path) and the field.
 */
export const createStoredValueCheck = <T>(
  schema: AnySchema,
): ((value: unknown, where: string) => T) => {
  const validate = ajv.compile(schema);
  return (value, where) => {
    if (validate(value)) return value as T;
    const error = validate.errors?.[0];
    const missing = error?.params['missingProperty'];
    const path = `${error?.instancePath ?? ''}${typeof missing === 'string' ? `/${missing}` : ''}`;
    const field = path === '' ? 'the value' : `field ${path.slice(1).replaceAll('/', '.')}`;
    throw new MalformedDataError(
      `${where} does not have the promised form: ${field} ${error?.message ?? 'is wrong'}. ` +
        'It was written by another version or changed by hand; see docs/format.md.',
      { target: where },
    );
  };
};

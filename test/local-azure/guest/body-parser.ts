import { Ajv } from 'ajv';

const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });

/**
 * A check of what came over the control API. `properties` is JSON Schema; other properties are
 * refused. TypeError names every field that is wrong; the control server answers 400.
 */
export function createBodyParser<T>(
  name: string,
  properties: Readonly<Record<string, object>>,
  required: readonly string[] = [],
): (body: unknown) => T {
  const validate = ajv.compile<T>({
    type: 'object',
    properties,
    required,
    additionalProperties: false,
  });
  return (body) => {
    if (validate(body)) return body;
    throw new TypeError(ajv.errorsText(validate.errors, { dataVar: name }));
  };
}

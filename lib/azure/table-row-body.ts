import { BackupError, MalformedDataError } from '../errors.ts';

/**
 * A row's value as JSON text, cut over the properties `body0`, `body1`, … because a property of a
 * table entity holds at most 64 KiB in UTF-16 (Azure's "Scalability targets for Table storage").
 */
const PART_CHARACTERS = 30_000;
/** An entity holds at most 1 MiB; this leaves room for keys and names. */
const LARGEST_BODY_CHARACTERS = 500_000;

export interface RowBody {
  readonly formatVersion: 1;
  readonly bodyParts: number;
  readonly [part: `body${number}`]: string;
}

/**
 * JSON with ASCII only: no cut can part a character, and no server or proxy on the way that decodes
 * a body piece by piece (Azurite does) can spoil one.
 */
const asciiJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** `where` names table and keys for the error of a value that is too large (`RowTooLarge`). */
export const packRowBody = (value: unknown, where: string): RowBody => {
  const text = asciiJson(value);
  if (text.length > LARGEST_BODY_CHARACTERS) {
    throw new BackupError(
      'RowTooLarge',
      `${where} would need ${text.length} characters; a row holds ${LARGEST_BODY_CHARACTERS}`,
      { target: where },
    );
  }
  const parts: Record<`body${number}`, string> = {};
  let count = 0;
  for (let start = 0; start < text.length; start += PART_CHARACTERS, count += 1) {
    parts[`body${count}`] = text.slice(start, start + PART_CHARACTERS);
  }
  return { formatVersion: 1, bodyParts: count, ...parts };
};

/** The value of a row; throws a `MalformedDataError` naming `where` and the property. */
export const unpackRowBody = (
  entity: Readonly<Record<string, unknown>>,
  where: string,
): unknown => {
  const malformed = (text: string): MalformedDataError =>
    new MalformedDataError(`${where} does not have the promised form: ${text}`, { target: where });
  if (entity['formatVersion'] !== 1) {
    throw malformed(`formatVersion is ${String(entity['formatVersion'])}, this version reads 1`);
  }
  const count = entity['bodyParts'];
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > 250) {
    throw malformed('bodyParts is not a number of parts');
  }
  let text = '';
  for (let index = 0; index < count; index += 1) {
    const part = entity[`body${index}`];
    if (typeof part !== 'string') throw malformed(`body${index} is missing`);
    text += part;
  }
  try {
    return JSON.parse(text);
  } catch {
    throw malformed('its body is not JSON');
  }
};

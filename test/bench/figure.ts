/** One measured figure against what it is meant to be. */
export interface Figure {
  /** A stable name. */
  readonly figure: string;
  readonly value: number;
  /** `>= 0.9`, `<= 1.2`, `> 0`; absent: shown for comparison. */
  readonly target?: string;
  /** Absent without a target. */
  readonly holds?: boolean;
  /** How it was measured, with the absolute numbers behind a ratio. */
  readonly note: string;
}

const TARGET = /^(>=|<=|>) (\d+(?:\.\d+)?)$/;

/** Throws a TypeError for a target that cannot be read. */
export function createFigure(figure: string, value: number, target: string, note: string): Figure {
  const [, operator, limitText] = TARGET.exec(target) ?? [];
  if (operator === undefined) throw new TypeError(`'${target}' is not a target`);
  const limit = Number(limitText);
  const holds =
    operator === '>=' ? value >= limit : operator === '<=' ? value <= limit : value > limit;
  return { figure, value: rounded(value), target, holds, note };
}

/** A figure that only puts others into proportion. */
export const createContext = (figure: string, value: number, note: string): Figure => ({
  figure,
  value: rounded(value),
  note,
});

const rounded = (value: number): number =>
  Number.isFinite(value) ? Number(value.toPrecision(4)) : value;

export const median = (values: readonly number[]): number => {
  const ascending = values.toSorted((a, b) => a - b);
  const middle = Math.floor(ascending.length / 2);
  const upper = ascending[middle];
  if (upper === undefined) throw new RangeError('the median of nothing');
  return ascending.length % 2 === 1 ? upper : (upper + (ascending[middle - 1] ?? upper)) / 2;
};

/** Columns for a terminal; a target that does not hold says so in words. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = [
    ['figure', 'value', 'target', 'holds'],
    ...figures.map(({ figure, value, target = '', holds }) => [
      figure,
      String(value),
      target,
      holds === undefined ? '' : holds ? 'yes' : 'DOES NOT HOLD',
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Numbers in typed arrays that double: the journal of hours of writing stays small and flat. */
export interface GrowingArray {
  readonly length: number;
  push(value: number): void;
  /** RangeError outside [0, length). */
  at(index: number): number;
}

export function createGrowingArray(type: 'float64' | 'uint32'): GrowingArray {
  const allocate = (length: number) =>
    type === 'float64' ? new Float64Array(length) : new Uint32Array(length);
  let values = allocate(1024);
  let length = 0;
  return {
    get length() {
      return length;
    },
    push(value) {
      if (length === values.length) {
        const larger = allocate(values.length * 2);
        larger.set(values);
        values = larger;
      }
      values[length] = value;
      length += 1;
    },
    at(index) {
      const value = index < length ? values[index] : undefined;
      if (value === undefined) throw new RangeError(`no element ${index} of ${length}`);
      return value;
    },
  };
}

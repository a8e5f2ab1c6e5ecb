/** What operations tell the outside while they work. Adapters decide where it is written. */
export interface EventSink {
  /** `fields` are JSON values without secrets; `name` is PascalCase, past tense: `SnapshotTaken`. */
  emit(name: string, fields: Readonly<Record<string, unknown>>): void;
}

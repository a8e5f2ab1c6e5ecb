/** An ARM resource as far as a restore looks at it. */
export interface FoundResource {
  readonly id: string;
  /** Lower case, without spaces. */
  readonly region: string;
  readonly tags: Readonly<Record<string, string>>;
  /** `Succeeded`, `Creating`, `Updating`, `Deleting`, `Failed`, …; `unknown` when it has none. */
  readonly provisioningState: string;
}

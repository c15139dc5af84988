/** How a field of the payload is compared. `exists` takes `value: true` (default) or `value: false`. */
export type ConditionOperator = '==' | '!=' | '>' | '>=' | '<' | '<=' | 'exists'

/** One comparison: a dotted path into the payload against a value, or against a dotted path into the run's state. */
export interface Condition {
  readonly field: string
  readonly op: ConditionOperator
  readonly value?: unknown
  readonly valueFrom?: string
}

/**
 * What a run waits for, as data: it can be stored, sent and indexed.
 * Conditions are joined by AND; with several events they apply to each of them.
 */
export interface WatchDescriptor {
  /** The type of the event waited for; exclusive with `events`. */
  readonly event?: string
  /** Several types: one of them (`any`, default) or one of each (`all`). */
  readonly events?: readonly string[]
  readonly mode?: 'any' | 'all'
  readonly conditions?: readonly Condition[]
  /** Payload path → state path. Without it the state is left alone and the event is read from `ctx.resume`. */
  readonly assign?: Readonly<Record<string, string>>
}

/**
 * A place in a pipeline: a stage, a step of it, or a place inside one of the children the stage forks.
 * `index` counts the children of the stage in the order they are declared, or the items of a `forEach`.
 */
export interface Address<StageId extends string = string> {
  readonly stage: StageId
  readonly step?: string
  readonly pipeline?: ChildAddress
}

export interface ChildAddress extends Address {
  readonly index: number
}

/** An address as text: `fan/1/approve`, for messages, timelines and `ctx.path`. */
export function formatAddress(address: Address): string {
  const own = address.step === undefined ? address.stage : `${address.stage}/${address.step}`
  return address.pipeline ? `${own}/${address.pipeline.index}/${formatAddress(address.pipeline)}` : own
}

import fc from 'fast-check'
import { pause } from '../../src/pipeline/instruction.js'
import type { AnyPipeline, AnyStage } from '../../src/pipeline/pipeline-definition.js'
import type { StepContext } from '../../src/pipeline/step-context.js'

type Draft = Record<string, unknown> & { log: unknown[] }

/** What a random stage does, and how much. */
const stageKind = fc.constantFrom('write', 'both', 'retry', 'fan', 'each', 'pause', 'signal', 'fail')
export const randomPlan = fc.array(fc.tuple(stageKind, fc.nat(4)), { minLength: 1, maxLength: 12 })

export interface PlanHooks {
  /** Called by a stage that signals its own run. */
  readonly signal: (runId: string, patch: Readonly<Record<string, unknown>>) => unknown
  /** Called by each attempt of a step of the run itself, before it does anything. */
  readonly begin?: (ctx: StepContext, stageId: string) => void
}

/** The pipeline of a random plan. */
export function pipelineOf(stages: readonly (readonly [string, number])[], hooks: PlanHooks): AnyPipeline {
  const write = (id: string) => () => (draft: Draft) => {
    draft.log.push(id)
    draft[id] = { visits: draft.log.length, nested: [draft.log.length] }
  }
  const begun = (id: string, action: (ctx: StepContext) => unknown) => (ctx: StepContext) => {
    hooks.begin?.(ctx, id)
    return action(ctx)
  }
  const child = (id: string, size: number) => ({
    id,
    initialState: { log: [] },
    stages: Array.from({ length: size + 1 }, (_, index) => ({
      id: `c${index}`,
      steps: { a: write(`c${index}`) },
      ...(index === 1 ? { router: () => pause({ timeout: Infinity }) } : {}),
    })),
  })
  return {
    id: 'main',
    initialState: { log: [], items: [1, 2] },
    compensate: true,
    stages: stages.map(([kind, size], index): AnyStage => {
      const id = `s${index}`
      switch (kind) {
        case 'both':
          return {
            id,
            steps: {
              a: begun(id, () => ({ [`${id}.a`]: size })),
              b: {
                action: begun(id, write(id)),
                compensate: begun(id, () => (draft: Draft) => void draft.log.splice(0, 1)),
              },
            },
          }
        case 'retry': {
          const action = (ctx: StepContext) => {
            ctx.logger.warn('trying', { attempt: ctx.attempt })
            if (ctx.attempt <= size) throw new Error(`attempt ${ctx.attempt}`)
            return write(id)()
          }
          return { id, steps: { a: { action: begun(id, action), retry: 3 } } }
        }
        case 'fan':
          return { id, pipelines: [child(`${id}-x`, size), child(`${id}-y`, 0)] }
        case 'each':
          return {
            id,
            forEach: (state: { items: unknown[] }) => state.items.slice(0, size),
            pipelines: [child(`${id}-item`, 0)],
          }
        case 'pause':
          return { id, steps: { a: begun(id, write(id)) }, router: () => pause({ timeout: Infinity }) }
        case 'signal': {
          const action = ({ runId }: StepContext) => {
            void hooks.signal(runId, { signalled: size, items: [size, { deep: size }] })
            return write(id)()
          }
          return { id, steps: { a: begun(id, action) } }
        }
        case 'fail':
          return {
            id,
            steps: {
              a: begun(id, () => (size === 4 ? Promise.reject(new Error('no')) : { [id]: size })),
            },
          }
        default:
          return { id, steps: { a: begun(id, write(id)) } }
      }
    }),
  }
}

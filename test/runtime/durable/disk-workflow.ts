import { type StepContext, type WorkflowDefinition, pause } from 'busline'

/** What is seen of the runs from outside. */
export interface Report {
  readonly faults: readonly { readonly what: string; readonly code: string; readonly reason: string }[]
  readonly runs: readonly { readonly runId: string; readonly status: string; readonly bytes: number }[]
}

/** Orders that wait for `go`, then add as much to their state as that says, and end. */
export function growingOrders(noise: (length: number) => string): WorkflowDefinition {
  return {
    id: 'orders',
    triggers: { placed: { event: 'order' } },
    pipelines: {
      main: {
        id: 'main',
        stages: [
          { id: 'wait', router: () => pause({ until: { event: 'go' }, timeout: Infinity, into: 'go' }) },
          {
            id: 'grow',
            steps: {
              grow: ({ state }: StepContext) => {
                const { go } = state as { go: { event: { payload: { length: number } } } }
                return { text: noise(go.event.payload.length) }
              },
            },
          },
          { id: 'close', steps: { close: () => ({ closed: true }) } },
        ],
      },
    },
  }
}

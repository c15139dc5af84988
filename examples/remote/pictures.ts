import { type EventOf, definePipeline, defineWorkflow } from 'busline'

export interface Picture {
  readonly id: string
  readonly width: number
}

export type PictureEvents = { readonly 'picture:added': Picture }

const main = definePipeline<EventOf<PictureEvents, 'picture:added'>>()({
  id: 'main',
  initialState: ({ payload }) => ({ width: payload.width, small: 0, large: 0 }),
  stages: [
    {
      id: 'resize',
      steps: {
        small: {
          task: 'resize',
          input: ({ state }) => ({ width: state.width, factor: 0.25 }),
          output: (width) => ({ small: width as number }),
        },
        large: {
          task: 'resize',
          input: ({ state }) => ({ width: state.width, factor: 2 }),
          output: (width) => ({ large: width as number }),
        },
      },
    },
  ],
})

/** Each picture is resized twice, by whoever is free. */
export const pictures = defineWorkflow<PictureEvents>()({
  id: 'pictures',
  triggers: { added: { event: 'picture:added' } },
  pipelines: { main },
})

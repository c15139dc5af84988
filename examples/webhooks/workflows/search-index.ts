import { type BusEvent, defineWorkflow, definePipeline } from 'busline'
import type { GitHubStub } from '../github-stub.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import { type WebhookEvents, repositoryPayload } from '../webhook-events.js'

type TextEvent = BusEvent<string, { readonly repository: { readonly full_name: string } }>

/** Every text in a payload: bodies, titles and names, however deep. */
function* textsIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  for (const [name, each] of Object.entries(value)) {
    if (typeof each === 'string' && ['body', 'title', 'name', 'description'].includes(name)) yield each
    else yield* textsIn(each)
  }
}

/** The words that are not on every page, with how often they occur. */
function termsOf(texts: Iterable<string>): [term: string, count: number][] {
  const terms = new Map<string, number>()
  for (const text of texts) {
    for (const [word] of text.toLowerCase().matchAll(/[a-z]{4,}/g))
      terms.set(word, (terms.get(word) ?? 0) + 1)
  }
  return [...terms]
}

const index = definePipeline<TextEvent, WebhookEvents>()({
  id: 'index',
  label: 'Index the texts of a repository',
  initialState: (event) => ({
    repository: event.payload.repository.full_name,
    terms: [] as [term: string, count: number][],
  }),
  stages: [
    { id: 'extract', steps: { terms: ({ event }) => ({ terms: termsOf(textsIn(event.payload)) }) } },
    {
      id: 'store',
      steps: {
        write: {
          retry: { limit: 4, delay: '100ms', factor: 3 },
          action: async ({ state, signal, use }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            const count = state.terms.length
            await github.call(`Store ${count} terms`, {
              typicalMs: 200 + 5 * count,
              failureRate: 0.2,
              signal,
            })
          },
        },
      },
    },
  ],
})

const keyOf = ({ payload }: TextEvent) => payload.repository.full_name
const onText = { schema: repositoryPayload, key: keyOf }

/** Indexed when nothing was written for two seconds, and every six seconds while people keep writing. */
export const searchIndex: RegisteredWorkflow = {
  does: 'indexes when nobody has written for 2 s',
  workflow: defineWorkflow<WebhookEvents>()({
    id: 'search-index',
    triggers: {
      wiki: { event: 'gollum', ...onText },
      discussion: { event: 'discussion', ...onText },
      reply: { event: 'discussion_comment', ...onText },
      comment: { event: 'issue_comment', ...onText },
      label: { event: 'label', ...onText },
      milestone: { event: 'milestone', ...onText },
    },
    pipelines: { index },
  }),
  options: { debounce: { wait: '2s', maxWait: '6s' } },
}

import { workflow } from 'busline'
import type { GitHubStub } from '../github-stub.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import { type WebhookEvents, repositoryPayload } from '../webhook-events.js'

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

/** Indexed when nothing was written for two seconds, and every six seconds while people keep writing. */
const index = workflow<WebhookEvents>()('search-index', {
  on: ['gollum', 'discussion', 'discussion_comment', 'issue_comment', 'label', 'milestone'],
  schema: repositoryPayload,
  key: ({ payload }) => payload.repository.full_name,
  debounce: { wait: '2s', maxWait: '6s' },
  state: ({ payload }) => ({ repository: payload.repository.full_name }),
})
  .step('extract', ({ event }) => ({ terms: termsOf(textsIn(event.payload)) }))
  .step(
    'store',
    async ({ state, signal, use }) => {
      const github = await use((deps) => deps.require<GitHubStub>('github'))
      const count = state.terms.length
      await github.call(`Store ${count} terms`, { typicalMs: 200 + 5 * count, failureRate: 0.2, signal })
    },
    { retry: { limit: 4, delay: '100ms', factor: 3 } },
  )
  .build()

export const searchIndex: RegisteredWorkflow = {
  does: 'indexes when nobody has written for 2 s',
  workflow: index,
  options: index.options ?? {},
}

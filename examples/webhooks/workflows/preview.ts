import { type EventOf, defineWorkflow, definePipeline } from 'busline'
import type { GitHubStub } from '../github-stub.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import { type WebhookEvents, pullRequestPayload } from '../webhook-events.js'

/** Builds a preview of a pull request. `signal` fires when a newer event replaces the run, and the build stops. */
const build = definePipeline<EventOf<WebhookEvents, 'pull_request'>, WebhookEvents>()({
  id: 'build',
  label: 'Build a preview',
  initialState: ({ payload: { pull_request: pull, repository } }) => ({
    name: `${repository.full_name.replace('/', '-').toLowerCase()}-pr-${pull.number}`,
    url: '',
  }),
  stages: [
    {
      id: 'build',
      steps: {
        build: async ({ signal, use, progress }) => {
          const github = await use((deps) => deps.require<GitHubStub>('github'))
          for (const [done, part] of ['install', 'compile', 'bundle'].entries()) {
            await github.call(part, { typicalMs: 900, failureRate: 0, signal })
            progress((done + 1) / 3, part)
          }
        },
      },
    },
    {
      id: 'publish',
      steps: {
        upload: {
          retry: 2,
          action: async ({ state, signal, use }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call('Upload', { typicalMs: 500, failureRate: 0.1, signal })
            return { url: `https://${state.name}.preview.example` }
          },
        },
      },
    },
  ],
})

/** Per pull request the newest event wins: the run under way is aborted, and the next starts when it has settled. */
export const preview: RegisteredWorkflow = {
  does: 'rebuilds for the newest event, aborts the old build',
  workflow: defineWorkflow<WebhookEvents>()({
    id: 'preview',
    triggers: {
      changed: {
        event: 'pull_request',
        schema: pullRequestPayload,
        when: ({ payload }) => payload.action !== 'closed',
        key: ({ payload }) => `${payload.repository.full_name}#${payload.pull_request.number}`,
      },
    },
    pipelines: { build },
  }),
  options: { mode: { type: 'singleton_loop', onBusy: 'replace' } },
}

import { workflow } from 'busline'
import type { GitHubStub } from '../github-stub.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import { type WebhookEvents, pullRequestPayload } from '../webhook-events.js'

/**
 * Builds a preview of a pull request. Per pull request the newest event wins: the run under way is aborted, `signal`
 * tells its step, and the next starts when it has settled.
 *
 * Written as a line of steps, which is the short way to write a workflow that goes straight on.
 */
const build = workflow<WebhookEvents>()('preview', {
  on: 'pull_request',
  when: ({ payload }) => payload.action !== 'closed',
  schema: pullRequestPayload,
  key: ({ payload }) => `${payload.repository.full_name}#${payload.pull_request.number}`,
  mode: { type: 'singleton_loop', onBusy: 'replace' },
  state: ({ payload: { pull_request: pull, repository } }) => ({
    name: `${repository.full_name.replace('/', '-').toLowerCase()}-pr-${pull.number}`,
  }),
})
  .step('build', async ({ signal, use, progress }) => {
    const github = await use((deps) => deps.require<GitHubStub>('github'))
    for (const [done, part] of ['install', 'compile', 'bundle'].entries()) {
      await github.call(part, { typicalMs: 900, failureRate: 0, signal })
      progress((done + 1) / 3, part)
    }
  })
  .step(
    'upload',
    async ({ state, signal, use }) => {
      const github = await use((deps) => deps.require<GitHubStub>('github'))
      await github.call('Upload', { typicalMs: 500, failureRate: 0.1, signal })
      return { url: `https://${state.name}.preview.example` }
    },
    { retry: 2 },
  )
  .build()

export const preview: RegisteredWorkflow = {
  does: 'rebuilds for the newest event, aborts the old build',
  workflow: build,
  options: build.options ?? {},
}

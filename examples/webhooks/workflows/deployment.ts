import { defineWorkflow, definePipeline, type BusEvent } from 'busline'
import type { GitHubStub } from '../github-stub.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import { type WebhookEvents, deploymentPayload, pushPayload, repositoryPayload } from '../webhook-events.js'

type DeployEvent = BusEvent<
  string,
  {
    readonly repository: { readonly full_name: string }
    readonly after?: string
    readonly deployment?: { readonly sha: string }
    readonly check_suite?: { readonly head_sha?: string }
  }
>

/** The commit that an event is about; events that name none mean the latest. */
function revisionOf({ payload }: DeployEvent): string {
  const revision = payload.after ?? payload.deployment?.sha ?? payload.check_suite?.head_sha
  return revision?.slice(0, 7) ?? 'HEAD'
}

/**
 * Builds, goes live, and looks whether that was wise. A health check that says no fails the run, and what went live is
 * taken back: `compensate` of the steps that had committed, newest first.
 */
const deploy = definePipeline<DeployEvent, WebhookEvents>()({
  id: 'deploy',
  label: 'Deploy a repository',
  initialState: (event) => ({
    repository: event.payload.repository.full_name,
    revision: revisionOf(event),
    artifact: '',
  }),
  compensate: true,
  timeout: '1m',
  stages: [
    {
      id: 'build',
      steps: {
        compile: async ({ state, signal, use, progress }) => {
          const github = await use((deps) => deps.require<GitHubStub>('github'))
          await github.call('Compile', { typicalMs: 1_500, failureRate: 0, signal })
          progress(0.5, 'compiled')
          await github.call('Bundle', { typicalMs: 700, failureRate: 0, signal })
          return { artifact: `${state.repository.replace('/', '-')}-${state.revision}.tgz` }
        },
        test: {
          retry: 1,
          action: async ({ signal, use }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call('Run the tests', { typicalMs: 2_000, failureRate: 0.1, signal })
          },
        },
      },
    },
    {
      id: 'release',
      steps: {
        switch: {
          action: async ({ signal, use }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call('Switch traffic', { typicalMs: 800, failureRate: 0, signal })
          },
          compensate: async ({ state, signal, use, publish }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call('Switch back', { typicalMs: 600, failureRate: 0, signal })
            const { repository, revision } = state
            publish('deployment:finished', { repository, revision, isLive: false })
          },
        },
      },
    },
    {
      id: 'verify',
      steps: {
        health: {
          retry: 1,
          action: async ({ state, signal, use, publish }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call('Health check', { typicalMs: 1_000, failureRate: 0.45, signal })
            const { repository, revision } = state
            publish('deployment:finished', { repository, revision, isLive: true })
          },
        },
      },
    },
  ],
})

const keyOf = ({ payload }: DeployEvent) => payload.repository.full_name

/**
 * One deployment per repository at a time, undisturbed; of what comes meanwhile only the newest is kept, because
 * whoever deploys the newest revision has deployed those before it.
 */
export const deployment: RegisteredWorkflow = {
  does: 'one at a time per repository, then the newest',
  workflow: defineWorkflow<WebhookEvents>()({
    id: 'deployment',
    triggers: {
      push: {
        event: 'push',
        schema: pushPayload,
        when: ({ payload }) => payload.ref.startsWith('refs/heads/'),
        key: keyOf,
      },
      requested: { event: 'deployment', schema: deploymentPayload, key: keyOf },
      checked: { event: 'check_suite', schema: repositoryPayload, key: keyOf },
      built: { event: 'workflow_run', schema: repositoryPayload, key: keyOf },
      pages: { event: 'page_build', schema: repositoryPayload, key: keyOf },
    },
    pipelines: { deploy },
  }),
  options: { mode: { type: 'exclusive', onBusy: 'queue_single' } },
}

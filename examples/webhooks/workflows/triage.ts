import { type EventOf, defineWorkflow, definePipeline, terminate } from 'busline'
import type { ChangeLog } from '../change-log.js'
import type { GitHubStub } from '../github-stub.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import { type WebhookEvents, issuePayload, pullRequestPayload } from '../webhook-events.js'

/** Words that give an issue or a pull request away, by the label they earn. */
const CLUES: Readonly<Record<string, RegExp>> = {
  bug: /\b(bug|error|crash|fail\w*|broken|wrong)\b/i,
  documentation: /\b(readme|docs?|documentation|typo|spelling|spelled)\b/i,
  dependencies: /\b(package\.json|bump|upgrade|dependenc\w*)\b/i,
  question: /\?\s*$|\b(how|why|what) (do|does|is|can)\b/im,
}

function labelsFor(text: string): string[] {
  const found = Object.keys(CLUES).filter((label) => CLUES[label]!.test(text))
  return found.length > 0 ? found : ['needs-triage']
}

/**
 * Issues. Two steps look at the text side by side on the same frozen state; what they find is committed together. Then
 * the labels are set, which is a call over the network: up to three retries, each after a longer pause, and two seconds
 * for an attempt.
 */
const issue = definePipeline<EventOf<WebhookEvents, 'issues'>, WebhookEvents>()({
  id: 'issue',
  label: 'Label an issue',
  initialState: ({ payload }) => ({
    repository: payload.repository.full_name,
    number: payload.issue.number,
    title: payload.issue.title,
    text: `${payload.issue.title}\n${payload.issue.body ?? ''}`,
    known: (payload.issue.labels ?? []).map(({ name }) => name),
    labels: [] as string[],
    words: 0,
  }),
  stages: [
    {
      id: 'read',
      steps: {
        classify: ({ state }) => ({ labels: [...new Set([...state.known, ...labelsFor(state.text)])] }),
        count: ({ state }) => ({ words: state.text.split(/\s+/).filter(Boolean).length }),
      },
      // Nothing to tell GitHub when it knows all labels already.
      router: ({ state }) => (state.labels.length === state.known.length ? terminate() : 'label'),
    },
    {
      id: 'label',
      steps: {
        apply: {
          retry: { limit: 3, backoff: 'exponential', delay: '250ms', jitter: true },
          timeout: '2s',
          action: async ({ state, signal, use, publish }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call(`Labels of #${state.number}`, { typicalMs: 600, failureRate: 0.25, signal })
            const { repository, number, title, labels } = state
            publish('triage:finished', { repository, number, title, labels })
          },
        },
      },
    },
  ],
})

/** What a pull request has to show. Each check is a child run with retries of its own. */
const check = definePipeline<EventOf<WebhookEvents, 'pull_request'>, WebhookEvents>()({
  id: 'check',
  label: 'Check one thing',
  initialState: () => ({ item: '', verdict: '' }),
  stages: [
    {
      id: 'judge',
      steps: {
        judge: {
          retry: { limit: 2, delay: '200ms' },
          action: async ({ state, event, signal, use }) => {
            const { pull_request: pull } = event.payload
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call(`Check ${state.item}`, { typicalMs: 500, failureRate: 0.15, signal })
            return { verdict: judge(state.item, pull) }
          },
        },
      },
    },
  ],
})

type PullRequest = WebhookEvents['pull_request']['pull_request']

function judge(item: string, pull: PullRequest): string {
  const lines = pull.additions + pull.deletions
  switch (item) {
    case 'size':
      return lines > 500 ? `too large: ${lines} lines` : `${lines} lines in ${pull.changed_files} files`
    case 'title':
      return pull.title.length > 72 ? 'title is longer than 72 characters' : 'title is fine'
    case 'description':
      return pull.body ? 'is described' : 'has no description'
    default:
      return pull.head.ref === pull.base.ref
        ? 'merges a branch into itself'
        : `${pull.head.ref} → ${pull.base.ref}`
  }
}

/** Pull requests. Forks a child run per check, two at a time; one that fails for good does not spoil the others. */
const pullRequest = definePipeline<EventOf<WebhookEvents, 'pull_request'>, WebhookEvents>()({
  id: 'pull-request',
  label: 'Check a pull request',
  initialState: ({ payload: { pull_request: pull, repository } }) => ({
    repository: repository.full_name,
    number: pull.number,
    title: pull.title,
    isOpen: pull.merged !== true && pull.draft !== true,
    labels: labelsFor(`${pull.title}\n${pull.body ?? ''}`),
    verdicts: [] as string[],
  }),
  stages: [
    {
      id: 'look',
      // A stage may be nothing but a decision: drafts are looked at when they are ready.
      router: ({ state }) => (state.isOpen ? 'check' : terminate()),
    },
    {
      id: 'check',
      pipelines: [check],
      forEach: () => ['size', 'title', 'description', 'branches'],
      concurrency: 2,
      onChildFailure: 'collect',
      merge: (state, results) => {
        state.verdicts = results.map((each) =>
          each.ok ? String(each.state['verdict']) : 'could not be checked',
        )
      },
    },
    {
      id: 'comment',
      steps: {
        post: {
          retry: { limit: 3, backoff: 'exponential', delay: '250ms', jitter: 0.5 },
          action: async ({ state, signal, use, publish }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call(`Comment on #${state.number}`, { typicalMs: 400, signal })
            const { repository, number, title, labels } = state
            publish('triage:finished', { repository, number, title, labels })
          },
        },
        remember: async ({ state, use }) => {
          const changes = await use((deps) => deps.require<ChangeLog>('changes'))
          changes.add(state.repository, { number: state.number, title: state.title, labels: state.labels })
        },
      },
    },
  ],
})

/**
 * Every event is handled, two at a time; what is opened goes ahead of what is merely edited. Two triggers start two
 * pipelines. A payload that does not fit the schema gets the receipt `invalid` and starts nothing.
 */
export const triage: RegisteredWorkflow = {
  does: 'labels issues, checks pull requests',
  workflow: defineWorkflow<WebhookEvents>()({
    id: 'triage',
    triggers: {
      issue: {
        event: 'issues',
        schema: issuePayload,
        when: ({ payload }) => payload.action !== 'deleted',
        pipeline: 'issue',
      },
      pull: { event: 'pull_request', schema: pullRequestPayload, pipeline: 'pullRequest' },
    },
    pipelines: { issue, pullRequest },
  }),
  options: {
    mode: { type: 'transient', concurrency: 2 },
    priority: ({ payload }) => ((payload as { action?: string }).action === 'opened' ? 1 : 0),
  },
}

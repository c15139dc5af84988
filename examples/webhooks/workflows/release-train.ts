import { type EventOf, defineWorkflow, definePipeline, pause } from 'busline'
import type { Change, ChangeLog } from '../change-log.js'
import type { GitHubStub } from '../github-stub.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import { type WebhookEvents, releasePayload } from '../webhook-events.js'

const VERSION = /^v?(\d+)\.(\d+)\.(\d+)/

/** The version after `tag`: a minor one when there is more than a repair in it. */
export function nextVersion(tag: string, changes: readonly Change[]): string {
  const [, major = 0, minor = 0, patch = 0] = (VERSION.exec(tag) ?? []).map(Number)
  const isRepair = changes.every(({ labels }) => labels.includes('bug') || labels.includes('documentation'))
  return isRepair ? `${major}.${minor}.${patch + 1}` : `${major}.${minor + 1}.0`
}

/** Release notes in Markdown, a section per label. */
export function renderNotes(version: string, changes: readonly Change[]): string {
  const sections = new Map<string, string[]>()
  for (const { number, title, labels } of changes) {
    const label = labels[0] ?? 'other'
    sections.set(label, [...(sections.get(label) ?? []), `- ${title.replace(/\.$/, '')} (#${number})`])
  }
  const body = [...sections].map(([label, lines]) => `### ${label}\n${lines.join('\n')}`)
  return [`## ${version}`, ...(body.length > 0 ? body : ['No changes that anybody would notice.'])].join(
    '\n\n',
  )
}

/**
 * A release: notes, then a wait for the next deployment of that repository to say that it is live, then the world is
 * told. When publishing fails for good, the draft is deleted again: the pipeline compensates.
 */
const ship = definePipeline<EventOf<WebhookEvents, 'release'>, WebhookEvents>()({
  id: 'ship',
  label: 'Ship a release',
  initialState: ({ payload }) => ({
    repository: payload.repository.full_name,
    tag: payload.release.tag_name,
    version: '',
    notes: '',
  }),
  compensate: true,
  stages: [
    {
      id: 'notes',
      steps: {
        render: async ({ state, use }) => {
          const log = await use((deps) => deps.require<ChangeLog>('changes'))
          const changes = log.peek(state.repository)
          const version = nextVersion(state.tag, changes)
          return { version, notes: renderNotes(version, changes) }
        },
      },
    },
    {
      id: 'draft',
      steps: {
        upload: {
          retry: { limit: 2, delay: '300ms' },
          action: async ({ state, signal, use }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call(`Draft of ${state.version}`, { typicalMs: 500, signal })
          },
          compensate: async ({ state, signal, use }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call(`Delete the draft of ${state.version}`, {
              typicalMs: 300,
              failureRate: 0,
              signal,
            })
          },
        },
      },
      // Asleep, a run costs nothing; it wakes up for an event of its own repository, or after eight seconds without one.
      router: () =>
        pause({
          until: {
            event: 'deployment:finished',
            conditions: [
              { field: 'repository', op: '==', valueFrom: 'repository' },
              { field: 'isLive', op: '==', value: true },
            ],
          },
          timeout: '8s',
          resumeAt: 'publish',
        }),
    },
    {
      id: 'publish',
      steps: {
        publish: {
          retry: { limit: 1, delay: '500ms' },
          action: async ({ state, signal, use, publish }) => {
            const github = await use((deps) => deps.require<GitHubStub>('github'))
            await github.call(`Release ${state.version}`, { typicalMs: 700, failureRate: 0.3, signal })
            const { repository, version, notes } = state
            publish('release:shipped', { repository, version, notes })
            const log = await use((deps) => deps.require<ChangeLog>('changes'))
            log.clear(repository)
          },
        },
      },
    },
  ],
})

/** Strictly one after the other, in the order of the events: release 2 must not overtake release 1. */
export const releaseTrain: RegisteredWorkflow = {
  does: 'writes notes, waits for a deployment, ships',
  workflow: defineWorkflow<WebhookEvents>()({
    id: 'release-train',
    triggers: {
      release: {
        event: 'release',
        schema: releasePayload,
        when: ({ payload }) => ['published', 'released', 'prereleased', 'created'].includes(payload.action),
      },
    },
    pipelines: { ship },
  }),
  options: { mode: { type: 'serialized' } },
}

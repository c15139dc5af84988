import { type BusEvent, SystemError, defineWorkflow, definePipeline } from 'busline'
import type { GitHubStub } from '../github-stub.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import { type WebhookEvents, alertPayload } from '../webhook-events.js'

type AlertEvent = BusEvent<string, WebhookEvents['security_advisory']>

const SEVERITIES = ['note', 'low', 'moderate', 'medium', 'error', 'high', 'critical']

/** The worst severity that is named anywhere in an alert. */
function severityOf(payload: AlertEvent['payload']): string {
  const text = JSON.stringify([payload.security_advisory, payload.alert])
  return SEVERITIES.filter((severity) => text.includes(`"severity":"${severity}"`)).at(-1) ?? 'unknown'
}

const scan = definePipeline<AlertEvent, WebhookEvents>()({
  id: 'scan',
  label: 'Scan for what was reported',
  initialState: ({ payload }) => ({
    severity: severityOf(payload),
    isWithdrawn: payload.action === 'withdrawn',
  }),
  stages: [
    {
      id: 'scan',
      timeout: '10s',
      steps: {
        sources: async ({ signal, use }) => {
          const github = await use((deps) => deps.require<GitHubStub>('github'))
          await github.call('Scan the sources', { typicalMs: 3_000, failureRate: 0, signal })
        },
        packages: async ({ signal, use }) => {
          const github = await use((deps) => deps.require<GitHubStub>('github'))
          await github.call('Scan the packages', { typicalMs: 2_000, failureRate: 0, signal })
        },
      },
    },
    {
      id: 'judge',
      steps: {
        judge: ({ state }) => {
          if (state.severity !== 'critical' || state.isWithdrawn) return
          throw new SystemError('CONFLICT', 'A critical alert is open: deploy nothing')
        },
      },
    },
  ],
})

/**
 * Scans cost money: one at a time, an alert that comes meanwhile is told "not now", and more than four alerts within
 * twenty seconds are not even asked.
 */
export const securityScan: RegisteredWorkflow = {
  does: 'one scan at a time, few in a row',
  workflow: defineWorkflow<WebhookEvents>()({
    id: 'security-scan',
    triggers: {
      advisory: { event: 'security_advisory', schema: alertPayload },
      code: { event: 'code_scanning_alert', schema: alertPayload },
      dependency: { event: 'dependabot_alert', schema: alertPayload },
      vulnerability: { event: 'repository_vulnerability_alert', schema: alertPayload },
      branches: { event: 'branch_protection_rule', schema: alertPayload },
      keys: { event: 'deploy_key', schema: alertPayload },
    },
    pipelines: { scan },
  }),
  options: { mode: { type: 'exclusive' }, rateLimit: { limit: 4, per: '20s' } },
}

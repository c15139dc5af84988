import { readFileSync } from 'node:fs'
import { type Plan, planWorkflow } from 'busline/plan'
import { SettledEngine } from '../settled-engine.js'
import type { RegisteredWorkflow } from '../registered-workflow.js'
import type { WebhookEvents } from '../webhook-events.js'

/**
 * A workflow as data: three jobs, whose code is text in a JSON file, one condition and one join. The text runs in an engine
 * of its own, where nothing of this process exists.
 */
const plan = JSON.parse(readFileSync(new URL('comments.plan.json', import.meta.url), 'utf8')) as Plan

/** Where the text of the plan runs. */
export const commentEngine = new SettledEngine()

export const comments: RegisteredWorkflow = {
  does: 'a JSON plan that reads comments',
  workflow: planWorkflow<WebhookEvents>(plan, {
    triggers: { comment: { event: 'issue_comment' } },
    engine: commentEngine,
  }),
  options: { mode: { type: 'transient', concurrency: 4 } },
}

import * as z from 'zod/mini'

// zod/mini is small because it says nothing but "Invalid input" until it is given a language.
z.config(z.locales.en())

/**
 * The events of this example: what GitHub delivers, under the names of its `X-GitHub-Event` header, and what the
 * workflows tell each other. Of the payloads only those fields are named that a workflow reads; the rest passes through.
 */
export interface WebhookEvents {
  issues: z.infer<typeof issuePayload>
  pull_request: z.infer<typeof pullRequestPayload>
  release: z.infer<typeof releasePayload>
  push: z.infer<typeof pushPayload>
  deployment: z.infer<typeof deploymentPayload>
  workflow_run: z.infer<typeof repositoryPayload>
  check_suite: z.infer<typeof repositoryPayload>
  page_build: z.infer<typeof repositoryPayload>
  gollum: z.infer<typeof repositoryPayload>
  discussion: z.infer<typeof repositoryPayload>
  discussion_comment: z.infer<typeof repositoryPayload>
  issue_comment: z.infer<typeof repositoryPayload>
  label: z.infer<typeof repositoryPayload>
  milestone: z.infer<typeof repositoryPayload>
  security_advisory: z.infer<typeof alertPayload>
  code_scanning_alert: z.infer<typeof alertPayload>
  dependabot_alert: z.infer<typeof alertPayload>
  repository_vulnerability_alert: z.infer<typeof alertPayload>
  branch_protection_rule: z.infer<typeof alertPayload>
  deploy_key: z.infer<typeof alertPayload>
  /** An issue or a pull request has its labels. */
  'triage:finished': z.infer<(typeof ownSchemas)['triage:finished']>
  /** A revision is live, or was taken back. */
  'deployment:finished': z.infer<(typeof ownSchemas)['deployment:finished']>
  /** A release is out, with its notes. */
  'release:shipped': z.infer<(typeof ownSchemas)['release:shipped']>
  /** The statistics loop has come to rest. */
  'statistics:reported': Statistics
}

const counts = z.record(z.string(), z.number())

/** What the statistics loop knows. */
export type Statistics = z.infer<(typeof ownSchemas)['statistics:reported']>

/**
 * What the workflows tell each other. The bus refuses what does not fit, so that everybody may publish such events and
 * nobody has to look twice.
 */
export const ownSchemas = {
  'triage:finished': z.object({
    repository: z.string(),
    number: z.number(),
    title: z.string(),
    labels: z.readonly(z.array(z.string())),
  }),
  'deployment:finished': z.object({ repository: z.string(), revision: z.string(), isLive: z.boolean() }),
  'release:shipped': z.object({ repository: z.string(), version: z.string(), notes: z.string() }),
  'statistics:reported': z.object({
    deliveries: z.number(),
    repositories: counts,
    senders: counts,
    types: counts,
  }),
}

const repository = z.object({ full_name: z.string() })
const labels = z.optional(z.nullable(z.array(z.object({ name: z.string() }))))

export const repositoryPayload = z.object({ repository })

export const issuePayload = z.object({
  action: z.string(),
  issue: z.object({ number: z.number(), title: z.string(), body: z.nullish(z.string()), labels }),
  repository,
})

export const pullRequestPayload = z.object({
  action: z.string(),
  pull_request: z.object({
    number: z.number(),
    title: z.string(),
    body: z.nullish(z.string()),
    draft: z.optional(z.boolean()),
    merged: z.nullish(z.boolean()),
    additions: z.number(),
    deletions: z.number(),
    changed_files: z.number(),
    head: z.object({ ref: z.string(), sha: z.string() }),
    base: z.object({ ref: z.string() }),
  }),
  repository,
})

export const releasePayload = z.object({
  action: z.string(),
  release: z.object({ tag_name: z.string(), prerelease: z.boolean(), body: z.nullish(z.string()) }),
  repository,
})

export const pushPayload = z.object({
  ref: z.string(),
  after: z.string(),
  commits: z.array(z.object({ message: z.string() })),
  repository,
})

export const deploymentPayload = z.object({
  deployment: z.object({ sha: z.string(), environment: z.string() }),
  repository,
})

/** Alerts come in many shapes; what all of them share is that they may name a repository. */
export const alertPayload = z.object({
  action: z.string(),
  repository: z.optional(repository),
  security_advisory: z.optional(z.object({ severity: z.string(), summary: z.string() })),
  alert: z.optional(z.looseObject({})),
})

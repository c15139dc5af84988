import { describe, expect, it } from 'vitest'
import { type RTError, type ValidationError } from 'busline/plan'
import { type CaseOutcome, type PlanCase, planCases, runCase } from './plan-case.js'

const all = planCases()

it('has a table that covers the behaviour of plans', () => {
  expect(all.flatMap(([, cases]) => cases).length).toBeGreaterThanOrEqual(120)
})

describe.each(all)('plans: %s', (_file, cases) => {
  it.each(cases.map((each) => [each.title, each] as const))('%s', async (_title, each) => {
    const outcome = await runCase(each)
    expectOutcome(each, outcome)
    expectNotifications(each, outcome)
  })
})

function expectOutcome(each: PlanCase, { result, error, log, took }: CaseOutcome): void {
  if (each.rejects) expectError(each, error)
  else expect(error).toBeUndefined()
  if ('result' in each) expect(result).toEqual(each.result)
  if (each.resultIs) expect(result).toBeUndefined()
  if (each.partial) expect(result).toMatchObject(each.partial)
  for (const key of each.lacks ?? []) expect(result).not.toHaveProperty(key)
  if (each.log) expect(log.join('\n')).toContain(each.log)
  if (each.took !== undefined) expect(took).toBe(each.took)
}

function expectError({ rejects, issues }: PlanCase, error: unknown): void {
  const { message = '', matches, ...fields } = rejects!
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject(fields)
  expect((error as RTError).message).toContain(message)
  if (matches) expect((error as RTError).message).toMatch(new RegExp(matches))
  if (issues) expect((error as ValidationError).issues.map(({ path }) => path)).toEqual(issues)
}

function expectNotifications({ trail, jobs, payloads, memory }: PlanCase, { notified }: CaseOutcome): void {
  if (trail) expect(notified.map(([name, { jobId }]) => `${name} ${String(jobId)}`)).toEqual(trail)
  const started = notified.filter(([name]) => name === 'job-start').map(([, { jobId }]) => jobId)
  if (jobs) expect(started).toEqual(jobs)
  for (const [name, payload] of payloads ?? []) {
    expect(notified).toContainEqual([name, expect.objectContaining(deepPartial(payload))])
  }
  if (memory) {
    const [, payload] = notified.find(([name]) => name === 'job-complete')!
    expect(payload['mem']).toEqual({ job: expect.any(Number), system: expect.any(Number) })
  }
}

/** Objects match when they have at least these fields, errors included. */
function deepPartial(value: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).map(([key, each]: [string, unknown]) => [
      key,
      typeof each === 'object' && each !== null && !Array.isArray(each)
        ? expect.objectContaining(deepPartial(each))
        : each,
    ]),
  )
}

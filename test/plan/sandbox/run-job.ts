import type { JobEngine, JobOutcome, JobRunOptions, JobText } from 'busline/plan'

export const runOptions = (more: Partial<JobRunOptions> = {}): JobRunOptions => ({
  signal: new AbortController().signal,
  timeoutMs: 10_000,
  console: silent,
  immutableState: false,
  maxStateBytes: Infinity,
  onOperation: () => {},
  ...more,
})

const ignore = () => {}
const silent = { log: ignore, info: ignore, debug: ignore, warn: ignore, error: ignore }

/** Loads a job and runs it once; a text that cannot be loaded is an outcome too. */
export async function runJob(
  engine: JobEngine,
  source: string,
  state: unknown = { data: {} },
  options: Partial<JobRunOptions> = {},
  text: Partial<JobText> = {},
): Promise<JobOutcome> {
  const result = await engine.load({ source, stepId: 'job', ...text })
  return result.ok ? result.loaded.run(state, runOptions(options)) : result
}

import type { Issue } from '../../core/system-error.js'
import type { JobEngine, JobFault } from '../../plan/job-engine.js'
import type { GraphStep, PlanGraph } from '../../plan/plan-graph.js'
import type { LinkerOptions } from '../../plan/linker-options.js'

/** What is wrong with the text in a plan that is valid as far as its data goes: jobs, their imports, and conditions. */
export async function checkPlanText(
  { plan, steps }: PlanGraph,
  engine: JobEngine,
  linker: LinkerOptions,
): Promise<Issue[]> {
  const globals = plan.workflow.globals === undefined ? {} : { globalsSource: plan.workflow.globals }
  const issues: Issue[] = []
  const place = plan.workflow.jobs && !('steps' in plan.workflow) ? 'workflow.jobs' : 'workflow.steps'
  for (const [index, step] of [...steps.values()].entries()) {
    if (typeof step.job === 'string') {
      const job = { source: step.job, stepId: step.id, linker: linkerOf(step, linker), ...globals }
      const result = await engine.load(job)
      if (!result.ok) issues.push(toIssue(`${place}.${index}.expression`, result.fault))
    }
    for (const { from, to, test } of step.edges) {
      if (test.kind !== 'text') continue
      const result = await engine.compileCondition({ source: test.source, from, to, ...globals })
      if (!result.ok) issues.push(toIssue(`${place}.${index}.next.${to}`, result.fault))
    }
  }
  return issues
}

function linkerOf({ modules }: GraphStep, linker: LinkerOptions): LinkerOptions {
  return { ...linker, modules: { ...linker.modules, ...modules } }
}

function toIssue(path: string, { message, position, kind }: JobFault): Issue {
  const at = position ? `, line ${position.line}, column ${position.column}` : ''
  return { path, message: `${kind === 'syntax' ? `is no JavaScript: ${message}` : message}${at}` }
}

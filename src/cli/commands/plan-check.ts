import type { Issue } from '../../core/system-error.js'
import { openNodeEngine } from '../../plan/node/open-node-engine.js'
import type { PlanInput } from '../../plan/plan-definition.js'
import { createGraph } from '../../plan/plan-graph.js'
import { checkPlan } from '../../plan/validate-plan.js'
import { checkPlanText } from '../plan/check-plan-text.js'
import { loadPlan } from '../plan/load-plan.js'
import { LINKER_OPTIONS, type PlanSubcommand, linkerOf } from '../plan/plan-subcommand.js'
import { toJson } from '../terminal/json.js'
import { oneLine, openTerminal } from '../terminal/terminal.js'
import type { LinkerOptions } from '../../plan/linker-options.js'

export const planCheck: PlanSubcommand = {
  options: { json: { type: 'boolean' }, ...LINKER_OPTIONS },
  run: async (file, values) => {
    const { issues, warnings } = await check(await loadPlan(file), linkerOf(values))
    const { paint, write, width } = openTerminal(process.stdout)
    const code = issues.length > 0 ? 1 : 0
    if (values['json'] === true) {
      write(toJson({ issues, warnings }))
      return code
    }
    const show = (sign: string, { path, message }: Issue) =>
      write(`${sign} ${paint('bold', oneLine(path, width))}  ${oneLine(message)}\n`)
    for (const issue of issues) show(paint('red', '✗'), issue)
    for (const warning of warnings) show(paint('yellow', '!'), warning)
    if (issues.length === 0) write(`${paint('green', '✓')} The plan can be run\n`)
    return code
  },
}

async function check(plan: PlanInput, linker: LinkerOptions) {
  const validation = checkPlan(plan, {})
  if (!validation.ok) return validation
  const graph = createGraph(validation.plan)
  const { warnings } = validation
  if (!graph.hasText) return { issues: [], warnings }
  const engine = await openNodeEngine()
  try {
    return { issues: await checkPlanText(graph, engine, linker), warnings }
  } finally {
    await engine.close()
  }
}

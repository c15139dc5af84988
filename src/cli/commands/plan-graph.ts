import { writeFile } from 'node:fs/promises'
import { describe } from '../../core/system-error.js'
import { createGraph } from '../../plan/plan-graph.js'
import { readPlan } from '../../plan/read-plan.js'
import { Failure } from '../failure.js'
import { drawPlan } from '../plan/draw-plan.js'
import { loadPlan } from '../plan/load-plan.js'
import { planSvg } from '../plan/plan-svg.js'
import { type PlanSubcommand, textOf } from '../plan/plan-subcommand.js'
import { openTerminal } from '../terminal/terminal.js'

export const planGraph: PlanSubcommand = {
  options: { svg: { type: 'string' } },
  run: async (file, values) => {
    const svg = textOf(values, 'svg')
    const { plan } = readPlan(await loadPlan(file), {})
    const graph = createGraph(plan)
    const terminal = openTerminal(process.stdout)
    if (svg === undefined) terminal.write(`${drawPlan(graph, terminal)}\n`)
    else if (svg === '-') terminal.write(planSvg(graph))
    else {
      await writeFile(svg, planSvg(graph)).catch((cause: unknown) => {
        throw new Failure(`Cannot write "${svg}": ${describe(cause)}`, { cause })
      })
    }
    return 0
  },
}

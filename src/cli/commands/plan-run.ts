import { describe, isSystemError, serializeError } from '../../core/system-error.js'
import { type Isolation, openNodeEngine } from '../../plan/node/open-node-engine.js'
import { compilePlan } from '../../plan/compile-plan.js'
import type { Plan, PlanInput } from '../../plan/plan-definition.js'
import type { JobConsole } from '../../plan/job-engine.js'
import { BadUsage, Failure } from '../failure.js'
import { wholeNumber } from '../command-line.js'
import { loadJson, loadPlan } from '../plan/load-plan.js'
import { planLine } from '../plan/plan-lines.js'
import { LINKER_OPTIONS, type PlanSubcommand, linkerOf, textOf } from '../plan/plan-subcommand.js'
import { toJson } from '../terminal/json.js'
import { openTerminal } from '../terminal/terminal.js'

export const planRun: PlanSubcommand = {
  options: {
    input: { type: 'string' },
    only: { type: 'string' },
    isolation: { type: 'string', default: 'engine' },
    timeout: { type: 'string' },
    json: { type: 'boolean' },
    ...LINKER_OPTIONS,
  },
  run: async (file, values) => {
    const isolation = values['isolation']
    if (isolation !== 'engine' && isolation !== 'thread') {
      throw new BadUsage(`--isolation must be engine or thread: it is "${String(isolation)}"`)
    }
    const [only, inputFile, timeout] = ['only', 'input', 'timeout'].map((name) => textOf(values, name))
    const plan = await loadPlan(file)
    const input = inputFile === undefined ? undefined : await loadJson(inputFile)
    const options =
      timeout === undefined ? {} : { defaultRunTimeoutMs: wholeNumber('timeout', timeout, 1, 2 ** 31) }
    return run(only === undefined ? plan : onlyStep(plan, only), input, isolation, {
      isJson: values['json'] === true,
      linker: linkerOf(values),
      ...options,
    })
  },
}

interface Settings {
  readonly isJson: boolean
  readonly linker: ReturnType<typeof linkerOf>
  readonly defaultRunTimeoutMs?: number
}

async function run(
  plan: PlanInput,
  input: unknown,
  isolation: Isolation,
  { isJson, ...options }: Settings,
): Promise<number> {
  const progress = openTerminal(process.stderr)
  const engine = await openNodeEngine({ isolation })
  let hasFailed = false
  try {
    const compiled = compilePlan(plan, {
      ...options,
      engine,
      jobLogger: isJson ? SILENT : toStandardError,
      onEvent: (event) => {
        hasFailed ||= event.type === 'job:failed'
        const line = isJson ? undefined : planLine(event, progress)
        if (line !== undefined) progress.write(`${line}\n`)
      },
    })
    const state = await compiled.run(input)
    process.stdout.write(state === undefined ? 'null\n' : toJson(state))
    return hasFailed ? 1 : 0
  } catch (error) {
    if (!isJson) throw isSystemError(error) ? new Failure(lineOf(error)) : error
    process.stdout.write(toJson({ error: serializeError(error) }))
    return 1
  } finally {
    await engine.close()
  }
}

/** The plan with one step in it that runs. */
function onlyStep(plan: PlanInput, only: string): Plan {
  if (typeof plan !== 'object' || plan === null || !('workflow' in plan)) {
    throw new BadUsage('--only needs a plan with steps')
  }
  return { ...plan, options: { ...plan.options, start: only, end: only } }
}

function lineOf(error: { readonly message: string }): string {
  const { pos } = error as { pos?: { readonly line: number; readonly column: number } }
  return pos ? `${error.message} (line ${pos.line}, column ${pos.column})` : error.message
}

const write = (...values: unknown[]) => {
  const texts = values.map((value) => (typeof value === 'string' ? value : describe(value)))
  process.stderr.write(`  ${texts.join(' ')}\n`)
}
const toStandardError: JobConsole = { log: write, info: write, debug: write, warn: write, error: write }
const ignore = () => {}
const SILENT: JobConsole = { log: ignore, info: ignore, debug: ignore, warn: ignore, error: ignore }

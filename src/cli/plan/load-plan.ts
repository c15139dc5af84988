import { readFile } from 'node:fs/promises'
import { describe } from '../../core/system-error.js'
import type { PlanInput } from '../../plan/plan-definition.js'
import { Failure } from '../failure.js'

/**
 * A plan from a file: JSON, or, for `.js` and `.mjs`, the text of its one job.
 *
 * @throws {Failure} When the file cannot be read, or is no JSON.
 */
export async function loadPlan(file: string): Promise<PlanInput> {
  const text = await readText(file)
  return /\.m?js$/.test(file) ? text : (parseJson(text, file) as PlanInput)
}

/** @throws {Failure} When the file cannot be read, or is no JSON. */
export async function loadJson(file: string): Promise<unknown> {
  return parseJson(await readText(file), file)
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw new Failure(`Cannot read "${file}": ${isMissing ? 'there is no such file' : describe(cause)}`, {
      cause,
    })
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = (cause as Error).message.replace(/, "[^]*" is not valid JSON$/, '').replace(/\s+/g, ' ')
    throw new Failure(`Cannot read "${file}" as JSON: ${reason}`, { cause })
  }
}

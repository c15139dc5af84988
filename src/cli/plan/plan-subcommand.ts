import type { ParseArgsConfig } from 'node:util'
import type { LinkerOptions } from '../../plan/linker-options.js'
import { BadUsage } from '../failure.js'

export type Values = Readonly<Record<string, string | boolean | undefined>>

/** One of the things that `busline plan` does to a plan. */
export interface PlanSubcommand {
  readonly options: NonNullable<ParseArgsConfig['options']>
  /** Resolves to the exit code. */
  readonly run: (file: string, values: Values) => Promise<number>
}

export const LINKER_OPTIONS = {
  repo: { type: 'string' },
  'node-modules': { type: 'boolean' },
} as const

export function linkerOf(values: Values): LinkerOptions {
  const repo = textOf(values, 'repo')
  return {
    ...(repo === undefined ? {} : { repo }),
    ...(values['node-modules'] === true ? { allowNodeModules: true } : {}),
  }
}

/** @throws {BadUsage} When it is there and empty. */
export function textOf(values: Values, name: string): string | undefined {
  const value = values[name]
  if (value === '') throw new BadUsage(`--${name} must not be empty`)
  return typeof value === 'string' ? value : undefined
}

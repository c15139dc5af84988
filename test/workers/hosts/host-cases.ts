import { containmentCases } from './containment.cases.js'
import type { HostCase } from './host-kit.js'
import { runnerCases } from './runner.cases.js'
import { stateTableCases } from './state-table.cases.js'

/** What every kind of host is held to. */
export const hostCases: readonly HostCase[] = [...stateTableCases, ...runnerCases, ...containmentCases]

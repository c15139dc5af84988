import type { BridgedValue } from './engine-protocol.js'

/**
 * What makes a QuickJS context a realm of jobs. Evaluated as a function of the realm script and `send`; gives the
 * functions that `QuickJsRealm` calls.
 */
export const QUICKJS_SCRIPT = /* js */ `(createRealm, send) => {
'use strict'
// A realm of node:vm refuses this by itself.
const refuse = () => {
  throw new EvalError('Code generation from strings disallowed in a job')
}
const kinds = [function () {}, async function () {}, function* () {}, async function* () {}]
for (const kind of kinds) {
  const prototype = Object.getPrototypeOf(kind)
  const constructor = function Function() { refuse() }
  Object.defineProperty(constructor, 'name', { value: prototype.constructor.name })
  Object.defineProperty(constructor, 'prototype', { value: prototype, writable: false })
  Object.defineProperty(prototype, 'constructor', { value: constructor, writable: true, configurable: true })
}
const define = (name, value) =>
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
define('Function', Function.prototype.constructor)
define('eval', function eval_() { refuse() })

// The memory of each run begins as that of every other: so would its chance.
let [a, b, c, d] = [1, 2, 3, 4]
const random = () => {
  const t = (((a + b) | 0) + d) | 0
  d = (d + 1) | 0
  a = b ^ (b >>> 9)
  b = (c + (c << 3)) | 0
  c = ((c << 21) | (c >>> 11)) + t | 0
  return (t >>> 0) / 4294967296
}
Object.defineProperty(random, 'name', { value: 'random' })
Object.defineProperty(Math, 'random', { value: random, writable: true, configurable: true })

const realm = createRealm(send)
const { bridged } = realm
let program
let condition

const load = async () => {
  realm.addGlobals(bridged('', program.globals))
  openGate()
  return import('vm:module(0)')
}
let openGate
const closeGate = () => {
  const gate = new Promise((resolve) => { openGate = resolve })
  // Taken away by the first module that is evaluated, which is none of the job's.
  define('__realm', { gate, bridged, addGlobals: realm.addGlobals })
}
const seed = (x, y, z) => {
  a = x | 0
  b = y | 0
  c = z | 0
  d = 1
  for (let round = 0; round < 12; round++) random()
}
return {
  prepare: (given) => {
    if (typeof given === 'function') condition = given
    else program = JSON.parse(given)
    closeGate()
  },
  run: (stateText, isImmutable, x, y, z) => {
    seed(x, y, z)
    void realm.run(load, stateText, isImmutable === 1)
  },
  settle: (id, isOk, text) => realm.settle(id, isOk === 1, text),
  fire: (id) => realm.fire(id),
  holds: async (stateText, upstreamStepId, helpersText, answersText, hasGlobals, x, y, z) => {
    seed(x, y, z)
    try {
      if (hasGlobals === 1) {
        openGate()
        await import('realm:before')
      }
    } catch (error) {
      return realm.fail(error)
    }
    realm.holds(condition, stateText, upstreamStepId, JSON.parse(helpersText), answersText)
  },
}
}`

/**
 * What every job imports without saying so. It waits at a gate: so a job can be compiled and linked, with everything that
 * it imports, and nothing of it is evaluated until the gate opens.
 */
export const BEFORE_MODULE = 'realm:before'

/** The modules that a realm is made of, by name. */
export const REALM_MODULES: Readonly<Record<string, string>> = {
  'realm:own': 'export const { gate, bridged, addGlobals } = globalThis.__realm\ndelete globalThis.__realm\n',
  'realm:gate': "import { gate } from 'realm:own'\nawait gate\n",
}

/** @param globals Whether the job has globals of its own text. */
export function beforeText(globals: boolean): string {
  if (!globals) return "import 'realm:gate'\n"
  return `import { addGlobals } from 'realm:own'\nimport * as globals from 'vm:globals'\naddGlobals(globals)\n`
}

/** A module of a stranger that is not evaluated before another one has been. Its lines stay where they are. */
export function after(module: string, text: string): string {
  return `${text}\nimport '${module}'`
}

/** The module that a realm sees in place of one that may be imported. */
export function moduleText(specifier: string, values: readonly BridgedValue[]): string {
  const list = JSON.stringify(values)
  const exported = values
    .map(
      ({ name }, index) =>
        `const v${index} = values[${JSON.stringify(name)}]\nexport { v${index} as ${name} }`,
    )
    .join('\n')
  return `import { bridged } from 'realm:own'\nconst values = bridged(${JSON.stringify(specifier)}, ${list})\n${exported}\n`
}

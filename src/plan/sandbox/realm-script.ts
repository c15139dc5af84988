import { DESCRIBE_THROWN } from './describe-thrown-script.js'

/**
 * The program that stands inside every realm of job text, before any of that text: in QuickJS and in contexts of
 * `node:vm` alike. It runs operations, knows how to describe what was thrown, and gives jobs their `console`, timers and
 * bridged functions.
 *
 * It is text, not a function of this file, because whoever bundles an application may rewrite functions in ways that only
 * work together with code that no realm has.
 *
 * Invariants:
 * - R1 only strings, numbers and `undefined` pass through `send` and the functions it returns;
 * - R2 job text has no way to `send`; and if it had one, the other side treats what comes as a stranger's text anyway;
 * - R3 nothing here is protection: a job may change every built-in of its realm, to its own loss. The walls are around
 *   the realm.
 */
export const REALM_SCRIPT = /* js */ `(send) => {
'use strict'
const { parse, stringify } = JSON
const { isArray } = Array
const { create, defineProperty, getOwnPropertyNames, keys: keysOf } = Object
const global = globalThis
const InnerError = Error, Text = String, InnerPromise = Promise

class DataFault extends InnerError {}

const hide = (target, name, value) =>
  defineProperty(target, name, { value, writable: true, configurable: true, enumerable: false })

/** What JSON makes of a value, as text; cycles are '[Circular]'. Lenient: what JSON cannot write is described. */
const encode = (value, isLenient) => {
  try {
    return stringify(value)
  } catch {
    return stringify(copy(value, '', [], isLenient, ['state']))
  }
}
const copy = (value, key, ancestors, isLenient, path) => {
  try {
    if (typeof value === 'object' && value !== null && typeof value.toJSON === 'function') value = value.toJSON(key)
    if (typeof value === 'bigint') {
      if (isLenient) return value + 'n'
      throw new DataFault(path.join('.') + ' is a bigint: return a string or a number instead')
    }
    if (typeof value !== 'object' || value === null) return value
    for (let index = 0; index < ancestors.length; index++) if (ancestors[index] === value) return '[Circular]'
    if (ancestors.length > 1000) throw new DataFault('state is nested too deeply')
    const inner = [...ancestors, value]
    const target = isArray(value) ? [] : {}
    for (const name of keysOf(value)) {
      const at = [...path, name]
      let field
      try {
        field = value[name]
      } catch (error) {
        if (isLenient) continue
        throw new DataFault(at.join('.') + ' cannot be read: ' + messageOf(error))
      }
      const data = copy(field, name, inner, isLenient, at)
      defineProperty(target, name, { value: data, writable: true, configurable: true, enumerable: true })
    }
    return target
  } catch (error) {
    if (error instanceof DataFault || !isLenient) throw error
    return null
  }
}
const encodeLeniently = (value) => {
  try {
    return encode(value, true)
  } catch {
    return undefined
  }
}
const read = (target, key) => {
  try {
    return target[key]
  } catch {
    return undefined
  }
}
const messageOf = (error) => {
  const message = typeof error === 'object' && error !== null ? read(error, 'message') : error
  try {
    return Text(message)
  } catch {
    return ''
  }
}
const textOr = (value, other) => (typeof value === 'string' ? value : other)
const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function'

${DESCRIBE_THROWN}

// --- bridged functions: asynchronous, data in, data out ---

let calls = 0
const waiting = create(null)
const bridge = (module, name) => {
  const bridged = (...values) =>
    new InnerPromise((resolve, reject) => {
      const id = ++calls
      waiting[id] = { resolve, reject }
      send('call', id, module, name, encode(values, false))
    })
  hide(bridged, 'name', name)
  return bridged
}
const settle = (id, isOk, text) => {
  const waiter = waiting[id]
  if (!waiter) return
  delete waiting[id]
  const value = text === undefined ? undefined : parse(text)
  if (isOk) return waiter.resolve(value)
  const error = new InnerError(value.message)
  hide(error, 'name', value.name)
  if (value.code !== undefined) error.code = value.code
  if (value.details) for (const key of keysOf(value.details)) error[key] = value.details[key]
  ofModules.add(error)
  waiter.reject(error)
}

// --- console and timers ---

const levels = ['log', 'info', 'debug', 'warn', 'error']
const shown = (value) => {
  if (typeof value === 'function') return '[Function ' + (textOr(read(value, 'name'), '') || 'anonymous') + ']'
  if (!isObject(value)) return value === undefined ? 'undefined' : scalar(value)
  if (value instanceof InnerError) return textOr(read(value, 'name'), 'Error') + ': ' + messageOf(value)
  return value
}
const console = {}
for (const level of levels) {
  console[level] = (...values) => {
    const texts = []
    for (const value of values) texts.push(encodeLeniently(shown(value)) || 'null')
    send('log', level, '[' + texts.join(',') + ']')
  }
  hide(console[level], 'name', level)
}
console.success = console.always = console.trace = console.info

let timers = 0
const callbacks = create(null)
const addTimer = (callback, ms, values, isRepeated) => {
  if (typeof callback !== 'function') throw new TypeError('A timer needs a function')
  const id = ++timers
  callbacks[id] = { callback, values, ms: +ms > 0 ? +ms : 0, isRepeated }
  send('timer', id, callbacks[id].ms)
  return id
}
const removeTimer = (id) => {
  if (typeof id !== 'number' || !callbacks[id]) return
  delete callbacks[id]
  send('untimer', id)
}
const fire = (id) => {
  const timer = callbacks[id]
  if (!timer) return
  if (timer.isRepeated) send('timer', id, timer.ms || 1)
  else delete callbacks[id]
  timer.callback(...timer.values)
}
hide(global, 'console', console)
hide(global, 'setTimeout', (callback, ms, ...values) => addTimer(callback, ms, values, false))
hide(global, 'setInterval', (callback, ms, ...values) => addTimer(callback, ms, values, true))
hide(global, 'clearTimeout', (id) => removeTimer(id))
hide(global, 'clearInterval', (id) => removeTimer(id))

const TIMERS = ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval']

// --- globals ---

const given = new Set(getOwnPropertyNames(global))
const addGlobals = (values) => {
  for (const name of keysOf(values)) {
    if (!given.has(name)) defineProperty(global, name, { value: values[name], enumerable: true })
  }
}
const bridged = (module, list) => {
  const values = {}
  for (const { name, text } of list) {
    const value = text === undefined ? bridge(module, name) : parse(text)
    defineProperty(values, name, { value, enumerable: true })
  }
  return values
}

// --- jobs ---

const nameOf = (operation) => textOr(read(operation, 'name'), '') || undefined
const watched = (operation, index, isImmutable) => async (state) => {
  const name = nameOf(operation)
  const own = isImmutable ? parse(encode(state, false) || '{}') : state
  send('operation', 'start', index, name)
  try {
    const result = await operation(own)
    send('operation', 'complete', index, name)
    return result
  } catch (error) {
    send('operation', 'error', index, name)
    throw error
  }
}
const inSeries = (...operations) => async (state) => {
  let result = state
  for (let index = 0; index < operations.length; index++) {
    result = await operations[index](result)
    if (index < operations.length - 1 && !result) result = {}
  }
  return result
}
const fail = (error, initial) => {
  let fault
  let state
  try {
    fault = faultOf(error)
    state = encodeLeniently(initial)
  } catch {
    fault = { kind: 'memory', message: 'out of memory' }
  }
  send('failed', stringify(fault), state)
}
const begin = (stateText, isImmutable) => {
  const initial = parse(stateText)
  hide(global, 'state', isImmutable ? parse(stateText) : initial)
  return initial
}
/** @param load Evaluates the globals, then the job, and gives its exports. */
const run = async (load, stateText, isImmutable) => {
  let initial
  try {
    initial = begin(stateText, isImmutable)
    const job = await load()
    const exported = job.default
    if (!isArray(exported)) {
      const what = exported === undefined ? 'there is none' : 'it is ' + describeKind(exported)
      const message = 'The default export of a job must be an array of functions: ' + what
      return send('failed', stringify({ kind: 'exports', message }), encodeLeniently(initial))
    }
    const operations = []
    for (let index = 0; index < exported.length; index++) {
      const operation = exported[index]
      if (typeof operation !== 'function') {
        const message = 'Operation ' + (index + 1) + ' of the job is no function: it is ' + describeKind(operation)
        return send('failed', stringify({ kind: 'operation', message }), encodeLeniently(initial))
      }
      operations.push(watched(operation, index, isImmutable))
    }
    const execute = typeof job.execute === 'function' ? job.execute : inSeries
    const result = await execute(...operations)(initial)
    if (typeof result === 'function') throw new DataFault('state is a function: return what it gives instead')
    send('done', result ? encode(result, false) : undefined)
  } catch (error) {
    fail(error, initial)
  }
}
const describeKind = (value) =>
  value === null ? 'null'
  : value === undefined ? 'undefined'
  : isArray(value) ? 'an array'
  : typeof value === 'object' ? 'an object'
  : 'a ' + typeof value

// --- conditions: what helpers gave before is given again, so that they can be asked outside ---

const holds = (condition, stateText, upstreamStepId, helpers, answersText) => {
  // Nothing waits for a condition: there are no timers.
  for (const name of TIMERS) delete global[name]
  const answers = parse(answersText)
  let asked = 0
  let isHeldUp = false
  for (const name of helpers) {
    hide(global, name, (...values) => {
      const answer = isHeldUp ? undefined : answers[asked++]
      if (answer && answer.name === name) {
        if (answer.error) {
          const error = new InnerError(answer.error.message)
          hide(error, 'name', answer.error.name)
          throw error
        }
        return answer.text === undefined ? undefined : parse(answer.text)
      }
      if (!isHeldUp) send('helper', name, encode(values, false))
      isHeldUp = true
      throw new InnerError('The helper is asked')
    })
  }
  let state
  try {
    state = begin(stateText, false)
    const before = stringify(state)
    const result = condition(state, upstreamStepId)
    if (isHeldUp) return
    const after = encode(state, false)
    send('held', result ? 1 : 0, after === before ? undefined : after)
  } catch (error) {
    if (!isHeldUp) fail(error, state)
  }
}

return { run, fail, settle, fire, bridged, addGlobals, holds }
}`

/** What job text is called in stacks. Its users' tools look for exactly this. */
export const JOB_MODULE = 'vm:module(0)'

/** What the text of `workflow.globals` is called in stacks. */
export const GLOBALS_MODULE = 'vm:globals'

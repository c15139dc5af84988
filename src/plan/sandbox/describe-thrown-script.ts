/** The part of the realm's program that describes what was thrown as data. It never throws, whatever its getters do. */
export const DESCRIBE_THROWN = /* js */ `// --- what was thrown ---

const ofModules = new WeakSet()
const describeError = (error, depth) => {
  const data = { name: textOr(read(error, 'name'), 'Error'), message: messageOf(error) }
  const stack = read(error, 'stack')
  if (typeof stack === 'string') data.stack = stack
  const code = read(error, 'code')
  if (typeof code === 'string') data.code = code
  const cause = read(error, 'cause')
  if (cause !== undefined && depth > 0) {
    data.cause =
      isObject(cause) && typeof read(cause, 'message') === 'string'
        ? describeError(cause, depth - 1)
        : { name: 'Error', message: textOr(cause, encodeLeniently(cause) || Text(typeof cause)) }
  }
  return data
}
const describeThrown = (value) => {
  if (!isObject(value)) return { type: value === null ? 'null' : typeof value, value: scalar(value) }
  const constructor = read(value, 'constructor')
  const thrown = { type: textOr(isObject(constructor) ? read(constructor, 'name') : undefined, 'Object') }
  if (typeof read(value, 'message') === 'string') {
    thrown.error = describeError(value, 4)
    const details = {}
    let names = []
    try {
      names = keysOf(value)
    } catch {}
    for (const name of names) {
      if (name === 'name' || name === 'message' || name === 'stack') continue
      const text = encodeLeniently(read(value, name))
      if (text !== undefined) {
        defineProperty(details, name, { value: parse(text), configurable: true, enumerable: true })
      }
    }
    if (keysOf(details).length > 0) thrown.details = details
    if (ofModules.has(value)) thrown.fromModule = true
  } else {
    const text = encodeLeniently(value)
    if (text !== undefined) thrown.value = parse(text)
  }
  const severity = read(value, 'severity')
  if (typeof severity === 'string') thrown.severity = severity
  return thrown
}
const scalar = (value) =>
  typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function' ? Text(value) : value
const CODE_FROM_TEXT = 'Code generation from strings disallowed'
const faultOf = (error) => {
  if (error instanceof DataFault) return { kind: 'result', message: error.message }
  const thrown = describeThrown(error)
  const name = thrown.error ? thrown.error.name : ''
  const message = thrown.error ? thrown.error.message : messageOf(error)
  const kind =
    name === 'EvalError' && message.startsWith(CODE_FROM_TEXT) ? 'security'
    : name === 'InternalError' && message === 'out of memory' ? 'memory'
    : (name === 'InternalError' || name === 'SyntaxError') && message === 'stack overflow' ? 'memory'
    : 'thrown'
  return { kind, message, thrown }
}`

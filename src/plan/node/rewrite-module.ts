import { init, parse } from 'es-module-lexer'

/** A module as a script that gives an asynchronous function. */
export interface RewrittenModule {
  /**
   * An expression: a function of `(modules, exports)`, where `modules` holds namespaces by specifier and `exports` gets a
   * getter for each name. Its first line is ours; those of the module follow, each where it was.
   */
  readonly script: string
  readonly imports: readonly string[]
}

/** How many lines stand before the first of the module. */
export const LINES_BEFORE = 1

interface Edit {
  readonly start: number
  readonly end: number
  /** As long as what it stands for where that is possible, so that columns stay too. */
  readonly text: string
}

/**
 * Writes a module as a script, because only scripts can be evaluated in a context without a flag of Node. Imports are
 * copied when the module begins, so a binding that its module changes later is not seen to change.
 *
 * @throws {SyntaxError} When it does not parse as far as its imports and exports go; the rest is for whoever compiles it.
 */
export async function rewriteModule(source: string): Promise<RewrittenModule> {
  await init
  const [imports, exports] = parse(source)
  const specifiers: string[] = []
  const bindings: string[] = []
  const getters: string[] = []
  const edits: Edit[] = []
  for (const { n: specifier, ss, se, d } of imports) {
    if (d === -2) edits.push({ start: ss, end: se, text: '$meta' })
    else if (d >= 0) edits.push({ start: ss, end: ss + 'import'.length, text: '$load' })
    else if (specifier !== undefined) {
      const module = JSON.stringify(specifier)
      specifiers.push(specifier)
      const statement = source.slice(ss, se)
      if (statement.startsWith('export')) getters.push(...reExports(statement, module))
      else bindings.push(...importBindings(statement, module))
      edits.push(blank(source, ss, se))
    }
  }
  const isInImport = (at: number) => imports.some(({ ss, se, d }) => d === -1 && ss <= at && at < se)
  for (const { n: name, ln: local, s: at } of exports) {
    if (isInImport(at)) continue
    const start = source.lastIndexOf('export', at)
    if (start < 0) continue
    const key = JSON.stringify(name)
    const isDefault = name === 'default' && /^export\s+default\b/.test(source.slice(start))
    if (local !== undefined) getters.push(`${key}: () => ${local}`)
    else if (isDefault) getters.push(`default: () => $default`)
    if (edits.some((edit) => edit.start === start)) continue
    edits.push(unexport(source, start, isDefault, local))
  }
  const before = [
    "'use strict'",
    'const $load = async () => { throw new TypeError("Modules can only be imported at the top of a job") }',
    'const $meta = {}',
    ...(getters.some((each) => each.startsWith('default: () => $default')) ? ['let $default'] : []),
    ...bindings,
    `$exports({ ${getters.join(', ')} })`,
  ]
  const body = apply(source, edits)
  return {
    script: `(async ($modules, $exports) => { ${before.join('; ')};\n${body}\n})`,
    imports: [...new Set(specifiers)],
  }
}

function unexport(source: string, start: number, isDefault: boolean, local: string | undefined): Edit {
  const rest = source.slice(start)
  if (isDefault) {
    const { length } = /^export\s+default/.exec(rest)![0]
    const end = start + length
    // A function or class with a name stays a declaration.
    if (local !== undefined) return blank(source, start, end)
    return { start, end, text: `$default =${newlines(source.slice(start, end))}`.padEnd(length) }
  }
  const [list] = /^export\s*\{[^}]*\}/.exec(rest) ?? []
  return blank(source, start, start + (list?.length ?? 'export'.length))
}

/** `import a, { b as c } from 'd'` as declarations. */
function importBindings(statement: string, module: string): string[] {
  const clause = withoutComments(statement)
    .replace(/^import\s*/, '')
    .replace(/\s*from\s*(['"]).*$/s, '')
    .trim()
  if (/^['"]/.test(clause)) return []
  const [, braces] = /\{(.*)\}/s.exec(clause) ?? []
  const outside = clause.replace(/\{.*\}/s, '').split(',')
  const names = outside.map((each) => each.trim()).filter((each) => each !== '')
  return [
    ...names.map((name) => {
      const [, namespace] = /^\*\s*as\s+(.+)$/s.exec(name) ?? []
      return namespace === undefined
        ? bind('default', name, module)
        : `const ${namespace} = $modules[${module}]`
    }),
    ...pairs(braces ?? '').map(([imported, local]) => bind(imported, local, module)),
  ]
}

function bind(imported: string, local: string, module: string): string {
  return `const ${local} = $modules.$take(${module}, ${JSON.stringify(imported)})`
}

/** `export { a as b } from 'c'`, `export * from 'c'`, `export * as d from 'c'` as getters. */
function reExports(statement: string, module: string): string[] {
  const text = withoutComments(statement)
  const [, braces] = /^export\s*\{(.*?)\}/s.exec(text) ?? []
  if (braces !== undefined) {
    return pairs(braces).map(
      ([from, to]) => `${JSON.stringify(to)}: () => $modules.$take(${module}, ${JSON.stringify(from)})`,
    )
  }
  const [, namespace] = /^export\s*\*\s*as\s+(\S+)/.exec(text) ?? []
  if (namespace !== undefined) return [`${JSON.stringify(unquote(namespace))}: () => $modules[${module}]`]
  return [`...$modules.$all(${module})`]
}

function pairs(list: string): [from: string, to: string][] {
  return list
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map((each) => {
      const [from = '', to = from] = each.split(/\s+as\s+/)
      return [unquote(from), unquote(to)]
    })
}

function unquote(name: string): string {
  return name.replace(/^(['"])(.*)\1$/s, '$2')
}

function withoutComments(text: string): string {
  return text.replace(/\/\*.*?\*\//gs, ' ').replace(/\/\/[^\n]*/g, ' ')
}

function blank(source: string, start: number, end: number): Edit {
  return { start, end, text: source.slice(start, end).replace(/[^\r\n]/g, ' ') }
}

function newlines(text: string): string {
  return text.replace(/[^\n]/g, '')
}

function apply(source: string, edits: readonly Edit[]): string {
  let [text, at] = ['', 0]
  for (const edit of [...edits].sort((one, other) => one.start - other.start)) {
    text += source.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return text + source.slice(at)
}

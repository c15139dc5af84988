import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** A place in the sources that makes a `SystemError`, as far as it can be read without executing it. */
export interface ErrorSource {
  /** `file:line`, from the root of the repository. */
  readonly at: string
  readonly code: string
  /** The names of the fields that stand written in its `context`. */
  readonly fields: readonly string[]
}

/** Every `new SystemError('CODE', …, { context: { … } })` below a folder. */
export function findErrorSources(root: string, folder: string): readonly ErrorSource[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const path = `${folder}/${name}`
      const text = readFileSync(join(root, path), 'utf8')
      const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
      const found: ErrorSource[] = []
      const visit = (node: ts.Node): void => {
        const source = readSource(node, file)
        if (source) found.push(source)
        ts.forEachChild(node, visit)
      }
      visit(file)
      return found
    })
}

function readSource(node: ts.Node, file: ts.SourceFile): ErrorSource | undefined {
  if (!ts.isNewExpression(node) || node.expression.getText(file) !== 'SystemError') return undefined
  const [code, , options] = node.arguments ?? []
  if (!code || !ts.isStringLiteral(code)) return undefined
  const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1
  return { at: `${file.fileName}:${line}`, code: code.text, fields: contextFields(options, file) }
}

function contextFields(options: ts.Expression | undefined, file: ts.SourceFile): readonly string[] {
  const context = options && propertiesOf(options).find((each) => each.name?.getText(file) === 'context')
  if (!context || !ts.isPropertyAssignment(context)) return []
  return propertiesOf(context.initializer).flatMap(({ name }) =>
    // A name that is computed cannot be read here.
    name === undefined || ts.isComputedPropertyName(name) ? [] : name.getText(file),
  )
}

/** The properties of an object that is written out, spread conditional objects included. */
function propertiesOf(node: ts.Expression): readonly ts.ObjectLiteralElementLike[] {
  if (ts.isParenthesizedExpression(node)) return propertiesOf(node.expression)
  if (ts.isConditionalExpression(node))
    return [...propertiesOf(node.whenTrue), ...propertiesOf(node.whenFalse)]
  if (!ts.isObjectLiteralExpression(node)) return []
  return node.properties.flatMap((each) =>
    ts.isSpreadAssignment(each) ? propertiesOf(each.expression) : [each],
  )
}

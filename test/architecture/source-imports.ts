import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const SRC = fileURLToPath(new URL('../../src', import.meta.url))

/** One import of one source file by another; paths are relative to `src/`. */
export interface SourceImport {
  readonly from: string
  readonly to: string
  /** Whether it is gone when the file runs: `import type`, `export type`. */
  readonly isTypeOnly: boolean
}

export function sourceFiles(): string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => /\.tsx?$/.test(file))
    .sort()
}

export function readSource(file: string): string {
  return readFileSync(join(SRC, file), 'utf8')
}

/** Every import between files of `src/`, dynamic ones included. */
export function sourceImports(files: readonly string[] = sourceFiles()): SourceImport[] {
  return files.flatMap((from) => importsOf(from))
}

function importsOf(from: string): SourceImport[] {
  const source = ts.createSourceFile(from, readSource(from), ts.ScriptTarget.Latest, true)
  const found: SourceImport[] = []
  const add = (specifier: ts.Node | undefined, isTypeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier) || !specifier.text.startsWith('.')) return
    const path = join(SRC, dirname(from), specifier.text)
    // `./page.css?raw` and the like are not code.
    if (!path.endsWith('.js')) return
    found.push({ from, to: relative(SRC, path).replaceAll('\\', '/').replace(/\.js$/, '.ts'), isTypeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal, true)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The folder below `src/` a file is in; `''` for the files of `src/` itself. */
export function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : ''
}

import { dirname, join } from 'node:path'
import ts from 'typescript'
import type { CodeBlock } from './code-block.js'

/**
 * Compiles all blocks in one program, with the options of the repository. Returns what the compiler has against them,
 * as `file:line: message`, where file and line are those of the page.
 */
export function compileBlocks(blocks: readonly CodeBlock[], root: string): readonly string[] {
  const sources = new Map(
    // As many empty lines before the code as stand before it in the page: lines are then the same in both.
    blocks.map((block) => [join(root, virtualName(block)), '\n'.repeat(block.line - 1) + block.code]),
  )
  const options = readOptions(root)
  const disk = ts.createCompilerHost(options)
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => sources.has(name) || disk.fileExists(name),
    readFile: (name) => sources.get(name) ?? disk.readFile(name),
    getSourceFile: (name, version, onError) => {
      const source = sources.get(name)
      return source === undefined
        ? disk.getSourceFile(name, version, onError)
        : ts.createSourceFile(name, source, version)
    },
  }
  const program = ts.createProgram([...sources.keys()], options, host)
  return [...sources.keys()].flatMap((name, index) => {
    const file = program.getSourceFile(name)!
    const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    return diagnostics.map(({ start = 0, messageText }) => {
      const line = file.getLineAndCharacterOfPosition(start).line + 1
      return `${blocks[index]!.file}:${line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
    })
  })
}

/** Beside the root's `src`, whatever folder the page is in: the block belongs to an application, not to us. */
function virtualName({ file, line }: CodeBlock): string {
  return `${file.replaceAll('/', '-')}-${line}.ts`
}

function readOptions(root: string): ts.CompilerOptions {
  const configPath = join(root, 'tsconfig.json')
  const { config } = ts.readConfigFile(configPath, (path) => ts.sys.readFile(path)) as { config: unknown }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(configPath))
  return {
    ...options,
    moduleDetection: ts.ModuleDetectionKind.Force,
    // What a page defines is often for its reader to use.
    noUnusedLocals: false,
    noUnusedParameters: false,
  }
}

import { constants, createReadStream } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { Failure } from '../failure.js'
import { type BadLine, type EventLine, readEventLines } from './event-lines.js'

export interface EventFile {
  readonly events: AsyncIterable<EventLine | BadLine>
  /** How many lines there are; absent of a pipe, which says everything only once. */
  readonly total?: number
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'it may not be read',
}

/**
 * The events of a file, or with `-` of the standard input, as they come.
 *
 * @throws {Failure} When there is no such file, or it is not a file, or may not be read.
 */
export async function openEventFile(file: string): Promise<EventFile> {
  if (file === '-') {
    return { events: readEventLines(process.stdin.setEncoding('utf8') as AsyncIterable<string>) }
  }
  const read = () => readEventLines(createReadStream(file, 'utf8') as AsyncIterable<string>)
  try {
    const facts = await stat(file)
    if (facts.isDirectory()) throw Object.assign(new Error('It is a directory'), { code: 'EISDIR' })
    await access(file, constants.R_OK)
    return facts.isFile() ? { events: read(), total: await countLines(file) } : { events: read() }
  } catch (error) {
    throw unreadable(file, error)
  }
}

async function countLines(file: string): Promise<number> {
  const text = await readFile(file, 'utf8')
  return text.split('\n').filter((line) => line.trim() !== '').length
}

function unreadable(file: string, error: unknown): Failure {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  return new Failure(`Cannot read events from "${file}": ${REASONS[code] ?? code}`, { cause: error })
}

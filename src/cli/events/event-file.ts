import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { Failure } from '../failure.js'
import { type BadLine, type EventLine, readEventLines } from './event-lines.js'

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
export async function openEventFile(file: string): Promise<AsyncIterable<EventLine | BadLine>> {
  if (file === '-') return readEventLines(process.stdin.setEncoding('utf8') as AsyncIterable<string>)
  try {
    const handle = await open(file)
    const isDirectory = (await handle.stat()).isDirectory()
    await handle.close()
    if (isDirectory) throw Object.assign(new Error('It is a directory'), { code: 'EISDIR' })
  } catch (error) {
    throw unreadable(file, error)
  }
  return readEventLines(createReadStream(file, 'utf8') as AsyncIterable<string>)
}

function unreadable(file: string, error: unknown): Failure {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  return new Failure(`Cannot read events from "${file}": ${REASONS[code] ?? code}`, { cause: error })
}

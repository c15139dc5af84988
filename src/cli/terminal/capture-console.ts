import { Console } from 'node:console'
import { Writable } from 'node:stream'

/**
 * Hands what workflows print to `print` instead of the terminal, where it would tear the progress line apart.
 * Returns what undoes it.
 */
export function captureConsole(print: (text: string) => void): () => void {
  const before = globalThis.console
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => {
      print(String(chunk))
      done()
    },
  })
  globalThis.console = new Console({ stdout: stream, stderr: stream })
  return () => {
    globalThis.console = before
  }
}

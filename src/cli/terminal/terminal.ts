import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** Where a command writes: how wide it is, whether a line can be overwritten, whether there are colours. */
export interface Terminal {
  readonly width: number
  /** A person looks at it as it happens; otherwise it is a pipe or a file. */
  readonly isLive: boolean
  readonly paint: (style: Style | readonly Style[], text: string) => string
  readonly write: (text: string) => void
}

const DEFAULT_WIDTH = 100
const NARROWEST = 40
const WIDEST = 140

/** Colours only where the terminal has them and neither `NO_COLOR` nor `TERM=dumb` forbids them. */
export function openTerminal(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv = process.env): Terminal {
  const isLive = stream.isTTY && env['TERM'] !== 'dumb'
  const hasColors = isLive && !env['NO_COLOR'] && stream.hasColors()
  const columns = stream.columns || Number(env['COLUMNS']) || DEFAULT_WIDTH
  return {
    // The last column is left free: some terminals wrap as soon as it is written to.
    width: Math.min(WIDEST, Math.max(NARROWEST, Math.floor(columns))) - 1,
    isLive,
    paint: (style, text) => (hasColors ? styleText(style as Style, text, { validateStream: false }) : text),
    write: (text) => void stream.write(text),
  }
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** A text from outside on one line, unable to move the cursor, and no longer than `width`. */
export function oneLine(text: string, width = Infinity): string {
  const plain = text.replaceAll(/\s+/g, ' ').replaceAll(CONTROL, '·')
  return plain.length <= width ? plain : `${plain.slice(0, Math.max(0, width - 1))}…`
}

/** A text from outside on the lines it has, unable to move the cursor. */
export function onItsLines(text: string): string {
  return text.replaceAll(CONTROL, (control) => (control === '\n' ? control : '·'))
}

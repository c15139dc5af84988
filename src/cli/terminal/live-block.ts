import type { Terminal } from './terminal.js'

/** Lines at the end of a terminal that are drawn anew again and again. */
export interface LiveBlock {
  readonly draw: (text: string) => void
  /** Writes lines above it. */
  readonly print: (text: string) => void
  /** Takes it away, and gives the cursor back. */
  readonly end: () => void
}

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_BELOW = '\r\u001b[0J'

/** For a terminal that a person looks at. Its lines must fit into the width, or they would be more than are counted. */
export function createLiveBlock({ write }: Pick<Terminal, 'write'>): LiveBlock {
  let drawn = ''
  let hasEnded = false
  const showCursor = () => write(SHOW_CURSOR)
  const erase = () => {
    const lines = drawn.split('\n').length - 1
    return `${lines > 0 ? `\u001b[${lines}A` : ''}${CLEAR_BELOW}`
  }
  write(HIDE_CURSOR)
  process.once('exit', showCursor)
  return {
    draw: (text) => {
      // In one piece, so that nothing flickers.
      write(`${erase()}${text}`)
      drawn = text
    },
    print: (text) => write(`${erase()}${text.endsWith('\n') ? text : `${text}\n`}${drawn}`),
    end: () => {
      if (hasEnded) return
      hasEnded = true
      write(erase())
      drawn = ''
      showCursor()
      process.off('exit', showCursor)
    },
  }
}

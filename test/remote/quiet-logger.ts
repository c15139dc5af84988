import type { Logger } from 'busline'

/** A logger that keeps what it is told. */
export function quietLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const write = (level: string) => (message: string) => void lines.push(`${level}: ${message}`)
  return { lines, debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
}

/** A length of time as people say it, at three digits: `7 ms`, `1.25 s`, `12.5 s`, `2 m 05 s`, `3 h 20 m`, `6 d 04 h`. */
export function formatMs(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  const seconds = ms / 1000
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const wholeSeconds = Math.round(seconds)
  if (wholeSeconds < 3600) return inTwoUnits(wholeSeconds, 60, 'm', 's')
  const minutes = Math.round(seconds / 60)
  if (minutes < 1440) return inTwoUnits(minutes, 60, 'h', 'm')
  return inTwoUnits(Math.round(seconds / 3600), 24, 'd', 'h')
}

function inTwoUnits(count: number, size: number, unit: string, smaller: string): string {
  return `${Math.floor(count / size)} ${unit} ${String(count % size).padStart(2, '0')} ${smaller}`
}

/** An instant in the reader's time zone, to the second: `2026-11-21 09:05:00`. */
export function formatInstant(at: number): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return '–'
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()]
  const [month, day, hour, minute, second] = parts.map((part) => String(part).padStart(2, '0'))
  return `${date.getFullYear()}-${month}-${day} ${hour}:${minute}:${second}`
}

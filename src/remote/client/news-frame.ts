import type { TaskNews } from './remote-task-context.js'

/**
 * The message that brings what a task says on its way. One longer than the server takes would cost the connection: of it the
 * beginning travels, or nothing where not even that has room.
 *
 * @param maxLength Characters.
 */
export function newsFrame(requestId: string, news: TaskNews, maxLength: number): string | undefined {
  const text = JSON.stringify({ ...news, requestId })
  if (text.length <= maxLength) return text
  const { type, level, fraction, message } = news
  const frame = { type, level, fraction, requestId }
  // An escape in JSON takes six characters.
  const room = Math.floor((maxLength - JSON.stringify(frame).length - 32) / 6)
  if (room < 1 || typeof message !== 'string') return undefined
  return JSON.stringify({ ...frame, message: `${message.slice(0, room - 1)}…` })
}

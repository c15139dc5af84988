import { move as toMove } from 'piscina'

export { add } from './pool-thread.mjs'
export const move = (buffer) => toMove(buffer)

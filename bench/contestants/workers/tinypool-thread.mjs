import { Tinypool } from 'tinypool'

export { add } from './pool-thread.mjs'
export const move = (buffer) => Tinypool.move(buffer)

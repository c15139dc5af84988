import type { PendingTask } from './pending-task.js'

const FIRST_SIZE = 64

/**
 * The tasks under way at a host, by number. A ring that a number falls into by its last bits, because a `Map` that fills and
 * empties gives its tables up all the time, and those that have grown old keep alive what was in them.
 *
 * Invariant: at most half of it is taken, and no two tasks fall into the same place: a number that would is not given.
 */
export class TaskTable {
  #ring = new Array<PendingTask | undefined>(FIRST_SIZE).fill(undefined)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): PendingTask | undefined {
    const task = this.#ring[id & (this.#ring.length - 1)]
    return task?.id === id ? task : undefined
  }

  /** Gives the task a number. @param nextId Gives whole numbers, each once, in rising order. */
  add(task: PendingTask, nextId: () => number): void {
    if (++this.#size * 2 > this.#ring.length) this.#grow()
    let id = nextId()
    while (this.#ring[id & (this.#ring.length - 1)] !== undefined) id = nextId()
    task.id = id
    this.#ring[id & (this.#ring.length - 1)] = task
  }

  delete(task: PendingTask): boolean {
    if (this.get(task.id) !== task) return false
    this.#ring[task.id & (this.#ring.length - 1)] = undefined
    this.#size--
    return true
  }

  /** In the order in which they were added. */
  list(): readonly PendingTask[] {
    return this.#ring.filter((task) => task !== undefined).sort((one, other) => one.id - other.id)
  }

  clear(): void {
    this.#ring = new Array<PendingTask | undefined>(FIRST_SIZE).fill(undefined)
    this.#size = 0
  }

  #grow(): void {
    const tasks = this.list()
    this.#ring = new Array<PendingTask | undefined>(this.#ring.length * 2).fill(undefined)
    for (const task of tasks) this.#ring[task.id & (this.#ring.length - 1)] = task
  }
}

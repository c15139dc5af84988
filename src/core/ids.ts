import { v7 } from 'uuid'

/** Makes the ids of events and runs. */
export type IdSource = () => string

/** UUIDv7: unique, and sorted by the time they were made. */
export const uuidv7: IdSource = () => v7()

/** One step of the tables' history. What was released once is never edited: a change is a new step at the end. */
export interface Migration {
  readonly id: string
  readonly statements: readonly string[]
}

/**
 * Checked in as code, not as files: they must be found in whatever bundle this ends up in, and they are applied under a
 * lock, as all processes of a fleet start at once.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    id: '0001_records',
    statements: [
      // "C" compares bytes, which is the order that the encoding of keys counts on.
      `CREATE TABLE busline_records (
        key text COLLATE "C" PRIMARY KEY,
        json text NOT NULL,
        checksum integer NOT NULL
      )`,
    ],
  },
]

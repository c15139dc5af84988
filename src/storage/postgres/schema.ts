import { integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** As the migrations leave it. `checksum` is the signed CRC-32 of key and JSON. */
export const records = pgTable('busline_records', {
  key: text().primaryKey(),
  json: text().notNull(),
  checksum: integer().notNull(),
})

/** The migrations that were applied. */
export const migrations = pgTable('busline_migrations', {
  id: text().primaryKey(),
  appliedAt: timestamp('applied_at', { withTimezone: true }).notNull().defaultNow(),
})
